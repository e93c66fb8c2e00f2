// The grid of a launch over the host's threads.
#pragma once
#include "run.h"

namespace emu {

// launch runs every block and returns 0, or the CUresult of the fault of the smallest block that has one, with its
// report.
int launch(Launch &l, std::string &report);
uint64_t laneInstructions(); // of all launches so far

} // namespace emu
