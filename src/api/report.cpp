#include "api/report.h"

namespace {

/** The element at a JSON pointer; null where there is none or the pointer is none. */
const burin::Json* element(const burin_report* report, const char* pointer) {
  if (report == nullptr || pointer == nullptr) {
    return nullptr;
  }
  try {
    const burin::Json::json_pointer place{std::string(pointer)};
    return report->data.contains(place) ? &report->data.at(place) : nullptr;
  } catch (const std::exception&) {
    return nullptr;
  }
}

}  // namespace

const char* burin_report_json(const burin_report* report) {
  return report == nullptr ? nullptr : report->text.c_str();
}

const char* burin_report_text(const burin_report* report, const char* pointer) {
  const burin::Json* found = element(report, pointer);
  return found != nullptr && found->is_string() ? found->get_ref<const std::string&>().c_str() : nullptr;
}

double burin_report_number(const burin_report* report, const char* pointer, double fallback) {
  const burin::Json* found = element(report, pointer);
  if (found == nullptr) {
    return fallback;
  }
  if (found->is_boolean()) {
    return found->get<bool>() ? 1.0 : 0.0;
  }
  return found->is_number() ? found->get<double>() : fallback;
}

size_t burin_report_count(const burin_report* report, const char* pointer) {
  const burin::Json* found = element(report, pointer);
  return found != nullptr && found->is_structured() ? found->size() : 0;
}

void burin_report_free(burin_report* report) {
  delete report;
}
