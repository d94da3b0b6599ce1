#include "hub/remote_model.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/error.h"
#include "hub/cache.h"
#include "hub/digest.h"
#include "hub/hub_client.h"
#include "hub/model_types.h"

namespace burin::hub {
namespace {

constexpr uint64_t kMaxConfig = uint64_t{16} << 20;

uint64_t weight_bytes(const std::vector<RepoFile>& files) {
  uint64_t total = 0;
  for (const RepoFile& file : files) {
    total += is_weights_name(file.path) ? file.content_size() : 0;
  }
  return total;
}

/** The file's content, checked against its hash. */
std::string fetch_small(HubClient& client, const HubSubject& repo, const RepoFile& file) {
  if (file.content_size() > kMaxConfig) {
    throw Error(ErrorCode::Corrupt, file.path, "is larger than any configuration");
  }
  HubSubject subject = repo;
  subject.file = file.path;
  std::string content;
  const auto sink = [&](uint64_t position, std::span<const std::byte> bytes) {
    content.resize(static_cast<size_t>(position));
    content.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    return content.size() <= kMaxConfig;
  };
  const HttpResponse response = client.get_file(
      {.subject = subject, .etag = file.etag(), .size = file.content_size(), .first = 0, .end = {}, .sink = sink});
  if (response.failure != TransportFailure::None || response.status != 200) {
    throw hub_error(response, subject);
  }
  Digest digest(digest_kind(file.etag()), content.size());
  digest.update(std::as_bytes(std::span(content)));
  if (digest.hex() != file.etag()) {
    throw Error(ErrorCode::Corrupt, file.path, "what came has not the hash that the Hub lists for it")
        .type("integrity_error");
  }
  return content;
}

struct Listing {
  std::string repo;
  std::string commit;
  std::vector<RepoFile> files;
};

/** The first of the names that the Hub knows. */
Listing list_model(HubClient& client, const std::string& model, const std::filesystem::path& hub_cache) {
  const std::vector<std::string> names = hub_names(model, hub_cache);
  for (const std::string& name : names) {
    try {
      const std::string commit = client.resolve_revision(name, "main").commit;
      return {.repo = name, .commit = commit, .files = client.list_files(name, commit)};
    } catch (const Error& error) {
      if (!is_missing_repo(error) || name == names.back()) {
        throw;
      }
    }
  }
  return {};
}

}  // namespace

MemorySubject remote_memory_subject(const std::string& model, const PullPlace& place,
                                    const std::vector<std::string>& supported, const std::atomic<bool>& cancel) {
  HubClient client(client_options(place, {}), cancel);
  const Listing listing = list_model(client, model, place.hub_cache);
  const auto config = std::ranges::find(listing.files, "config.json", &RepoFile::path);
  if (config == listing.files.end() || weight_bytes(listing.files) == 0) {
    throw Error(ErrorCode::Unsupported, "fits",
                fmt::format("{} has no config.json with safetensors weights", listing.repo));
  }
  const Json json = parse_json(fetch_small(client, client.subject(listing.repo, listing.commit), *config),
                               "config.json", {.max_bytes = kMaxConfig});
  return {.name = listing.repo,
          .weight_bytes = weight_bytes(listing.files),
          .config = json,
          .context_length = context_length(json),
          .layers = layer_caches(json, supported)};
}

MemorySubject find_memory_subject(const std::string& model, const HubPaths& paths, const PullPlace& place,
                                  const ModelRegistry& registry, const std::atomic<bool>& cancel) {
  const std::vector<std::string> supported = supported_model_types();
  try {
    return memory_subject(resolve_model(model, paths), supported);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::NotFound) {
      throw;
    }
    if (const RegistryModel* known = registry.find(model)) {
      return memory_subject(*known, supported);
    }
    if (is_repo_name(model) && !place.settings.offline) {
      return remote_memory_subject(model, place, supported, cancel);
    }
    throw Error(error).hint("it is neither on this machine nor in the registry: see `burin recommend`");
  }
}

}  // namespace burin::hub
