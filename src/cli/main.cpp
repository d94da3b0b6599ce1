#include "cli/program.h"
#include "cli/signals.h"

int main(int argc, char** argv) {
  burin::cli::prepare_process();
  return burin::cli::run_program({argv + (argc > 0 ? 1 : 0), argv + argc}, burin::cli::read_environment(),
                                 burin::engine::open_backend_module);
}
