// brd_pause.h - looking again and again, without being in the way
//
// SPDX-License-Identifier: MPL-2.0
//
// For what another CPU is about to do within a microsecond or so, where a sleep
// and a wake-up would take fifty.

#ifndef BRD_PAUSE_H
#define BRD_PAUSE_H

// One of these between two looks.
static inline void
brd_pause (void)
{
#if defined __x86_64__ || defined __i386__
    __builtin_ia32_pause ();
#elif defined __aarch64__ || defined __arm__
    __asm__ volatile("yield");
#endif
}

#endif  // BRD_PAUSE_H
