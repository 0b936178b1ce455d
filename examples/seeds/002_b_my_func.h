// 002_b_my_func.h - a function for processes, from a library
//
// SPDX-License-Identifier: MPL-2.0

#ifndef MY_FUNC_H
#define MY_FUNC_H

int
my_func (void *arg);

#endif  // MY_FUNC_H
