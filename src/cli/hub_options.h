// What the commands that ask the Hub have in common.
#pragma once

#include "cli/context.h"
#include "hub/pull.h"

namespace burin::cli {

/** As the Hub is told who asks: "burin/0.1.0", nothing about the machine. */
std::string user_agent();

/** Hidden: tests do not wait as people do. */
Option retry_option();
hub::RetryPolicy retry_policy(const Arguments& arguments);

/** The cache and the Hub of this user. Takes retry_option() from the arguments. */
hub::PullPlace pull_place(const Context& context);

}  // namespace burin::cli
