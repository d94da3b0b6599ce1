// The environment of this process, read where the program and the library begin and handed down as data.
#pragma once

#include <map>
#include <string>

namespace burin {

/** Variables by name; empty ones count as unset. HOME, where it is unset, is the user's entry of the password file. */
std::map<std::string, std::string> process_variables();

}  // namespace burin
