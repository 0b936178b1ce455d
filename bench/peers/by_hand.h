// by_hand.h - what the peers written on ZeroMQ share
//
// SPDX-License-Identifier: MPL-2.0

#ifndef BY_HAND_H
#define BY_HAND_H

// Room for an address.
enum {
    BY_HAND_ADDRESS = 64
};

// Writes an address nobody else uses, in no file system.
void
by_hand_address (char *ret_address);

// A socket of that type, not yet bound or connected; ends the program if there
// is none. Room for 100,000 messages on each side, so that nobody waits.
void *
by_hand_socket (void *context, int type);

#endif  // BY_HAND_H
