/// @file
/// Symbol visibility: everything is hidden except what carries BURIN_API. C and C++.
#pragma once

/** Marks what the shared library exports. */
#define BURIN_API __attribute__((visibility("default")))
