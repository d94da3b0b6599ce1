// What the hub functions of the C interface hand out: JSON, and a look into it by pointer.
#pragma once

#include <string>
#include <utility>

#include "api/border.h"
#include "base/json.h"
#include "burin/burin_hub.h"

struct burin_report {
  burin::Json data;
  std::string text;
};

namespace burin::api {

/** As `guarded`, for a body that returns what is to be reported. */
template <class Body>
burin_status reported(burin_report** report, burin_error** error, Body&& body) {
  return guarded(error, [&] {
    required(report, "report") = nullptr;
    Json data = std::forward<Body>(body)();
    std::string text = dump_json(data);
    *report = new burin_report{std::move(data), std::move(text)};
  });
}

}  // namespace burin::api
