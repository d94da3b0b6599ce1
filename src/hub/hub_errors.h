// From what the Hub answered, or failed to answer, to an error that says what the user can do.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "hub/http.h"
#include "hub/url.h"

namespace burin::hub {

/** What was asked for, as messages name it. */
struct HubSubject {
  std::string repo;      // empty: no repository in particular
  std::string revision;  // empty: the default one
  std::string file;
  Url endpoint;
  bool with_token = false;
};

/** The error of an answer that is no success: a failure of the transport, or a status with the Hub's X-Error-Code. */
Error hub_error(const HttpResponse& response, const HubSubject& subject);

/** NotFound because the repository itself is not there (or is not shown to this user). */
bool is_missing_repo(const Error& error);

/** The Hub was not reached or did not answer in time: what is cached may serve instead. */
bool is_unreachable(const Error& error);

}  // namespace burin::hub
