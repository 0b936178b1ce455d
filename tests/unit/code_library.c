// code_library.c - a library that test_brd_code loads, in three ways
//
// SPDX-License-Identifier: MPL-2.0

int
code_library_seven (void);

int
code_library_seven (void)
{
    return 7;
}
