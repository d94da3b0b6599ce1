// Fetch a model with a progress line, check every byte of it, and say where it is: pull MODEL.
#include <burin/hub.h>

#include <iostream>

int main(int argc, char** argv) try {
  if (argc != 2) {
    std::cerr << "usage: pull MODEL\n";
    return 2;
  }
  const burin::Report pulled = burin::pull(argv[1], {}, {}, [](const burin::HubProgress& progress) {
    std::cerr << "\r" << progress.bytes_done << " of " << progress.bytes_total << " bytes" << std::flush;
    return true;  // false would cancel; the next call goes on from there
  });
  std::cerr << "\n";
  const burin::Report checked = burin::health(pulled.text("/model"), /* deep = */ true);
  std::cout << pulled.text("/download_status") << " " << pulled.text("/path") << "\n"
            << checked.count("/healthy") << " healthy\n";
} catch (const burin::Error& error) {
  std::cerr << "error: " << error.what() << "\n" << error.hint() << "\n";
  return static_cast<int>(error.code());
}
