// Symbol visibility: everything is hidden except what carries BURIN_API.
#pragma once

#define BURIN_API __attribute__((visibility("default")))
