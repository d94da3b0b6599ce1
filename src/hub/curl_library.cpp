#include "hub/curl_library.h"

#include <dlfcn.h>

#include <array>

#include "base/error.h"

namespace burin::hub {
namespace {

constexpr std::array kNames{
#ifdef __APPLE__
    "/usr/lib/libcurl.4.dylib",
    "libcurl.4.dylib",
#else
    "libcurl.so.4",
    "libcurl-gnutls.so.4",
#endif
};

[[noreturn]] void fail(const std::string& why) {
  throw Error(ErrorCode::Unsupported, "network", "libcurl cannot be used: " + why)
      .hint("install libcurl (Debian and Ubuntu: apt install libcurl4) and run the command again");
}

template <typename Function>
void bind(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(::dlsym(library, name));
  if (function == nullptr) {
    fail(std::string("it has no function ") + name);
  }
}

}  // namespace

CurlLibrary open_curl(std::span<const char* const> names) {
  void* library = nullptr;
  std::string why = "it is not installed";
  for (const char* name : names) {
    library = ::dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (library != nullptr) {
      break;
    }
    if (const char* text = ::dlerror(); text != nullptr) {
      why = text;
    }
  }
  if (library == nullptr) {
    fail(why);
  }
  CurlLibrary curl{};
  bind(library, "curl_global_init", curl.global_init);
  bind(library, "curl_easy_init", curl.easy_init);
  bind(library, "curl_easy_cleanup", curl.easy_cleanup);
  bind(library, "curl_easy_reset", curl.easy_reset);
  bind(library, "curl_easy_setopt", curl.easy_setopt);
  bind(library, "curl_easy_getinfo", curl.easy_getinfo);
  bind(library, "curl_easy_strerror", curl.easy_strerror);
  bind(library, "curl_slist_append", curl.slist_append);
  bind(library, "curl_slist_free_all", curl.slist_free_all);
  bind(library, "curl_multi_init", curl.multi_init);
  bind(library, "curl_multi_cleanup", curl.multi_cleanup);
  bind(library, "curl_multi_add_handle", curl.multi_add_handle);
  bind(library, "curl_multi_remove_handle", curl.multi_remove_handle);
  bind(library, "curl_multi_perform", curl.multi_perform);
  bind(library, "curl_multi_poll", curl.multi_poll);
  bind(library, "curl_multi_info_read", curl.multi_info_read);
  if (curl.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
    fail("it does not start");
  }
  return curl;
}

const CurlLibrary& curl_library() {
  static const CurlLibrary kLibrary = open_curl(kNames);  // stays open: its handles may outlive any owner of ours
  return kLibrary;
}

}  // namespace burin::hub
