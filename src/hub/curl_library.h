// libcurl, opened when the first command needs the network: programs that run models never load it.
// The only file that knows how the library is found.
#pragma once

#include <span>
#include <string>

#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>
// Variadic functions in the header are wrapped in macros of the same name, which would rename the members below.
#undef curl_easy_setopt
#undef curl_easy_getinfo

namespace burin::hub {

/** The functions of libcurl that burin calls, by their names without `curl_`. */
struct CurlLibrary {
  decltype(&::curl_global_init) global_init;
  decltype(&::curl_easy_init) easy_init;
  decltype(&::curl_easy_cleanup) easy_cleanup;
  decltype(&::curl_easy_reset) easy_reset;
  decltype(&::curl_easy_setopt) easy_setopt;
  decltype(&::curl_easy_getinfo) easy_getinfo;
  decltype(&::curl_easy_strerror) easy_strerror;
  decltype(&::curl_slist_append) slist_append;
  decltype(&::curl_slist_free_all) slist_free_all;
  decltype(&::curl_multi_init) multi_init;
  decltype(&::curl_multi_cleanup) multi_cleanup;
  decltype(&::curl_multi_add_handle) multi_add_handle;
  decltype(&::curl_multi_remove_handle) multi_remove_handle;
  decltype(&::curl_multi_perform) multi_perform;
  decltype(&::curl_multi_poll) multi_poll;
  decltype(&::curl_multi_info_read) multi_info_read;
};

/** The system's libcurl, opened once. Throws: Unsupported, naming the package to install. Threads: any. */
const CurlLibrary& curl_library();

/** The first of `names` that can be opened. Throws: Unsupported. */
CurlLibrary open_curl(std::span<const char* const> names);

}  // namespace burin::hub
