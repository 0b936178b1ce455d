// brd_config.h - the names that places have on this host
//
// SPDX-License-Identifier: MPL-2.0
//
//     # ~/.config/brood/places
//     cluster = ssh:n[1-4]/8
//     night   = slurm:-N4 -t 8:00:00
//
// One file is asked after the other: $XDG_CONFIG_HOME/brood/places (or
// ~/.config/brood/places), /etc/brood/places. $BROOD_PLACES, if it is set, is
// the only one. # in front of a line makes it a comment.

#ifndef BRD_CONFIG_H
#define BRD_CONFIG_H

// What a name stands for; yours, to brd_mem_free (). -1 with a text:
//     ENOENT   it stands for nothing
//     EINVAL   a line before it is not NAME = PLACE, or PLACE is a name, too,
//              or a number
//     ENOMEM, EFBIG, errno of open (2) and read (2) of a file that is there
int
brd_config_place (const char *name, char **ret_text);

#endif  // BRD_CONFIG_H
