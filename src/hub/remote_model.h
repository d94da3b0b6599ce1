// What the Hub says of a model that is not on this machine: its files and its configuration, without the weights.
#pragma once

#include <atomic>
#include <string>

#include "hub/fits.h"
#include "hub/pull.h"

namespace burin::hub {

/**
 * Weights from the listing, the rest from config.json, which is the one file that is fetched; nothing is written.
 * `model` as pull takes it. Throws: as pull does, and as memory_subject does.
 */
MemorySubject remote_memory_subject(const std::string& model, const PullPlace& place,
                                    const std::vector<std::string>& supported, const std::atomic<bool>& cancel);

/** Of a model on this machine, else of the registry's entry, else of what the Hub says where it may be asked. */
MemorySubject find_memory_subject(const std::string& model, const HubPaths& paths, const PullPlace& place,
                                  const ModelRegistry& registry, const std::atomic<bool>& cancel);

}  // namespace burin::hub
