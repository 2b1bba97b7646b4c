// The tile registers of Intel's AMX, which Linux keeps from a process until it asks for them.
#pragma once

namespace kohort::base {

// Whether this machine multiplies tiles of int8 and of bfloat16, and the system lets this process: asked for once.
bool amx_usable();

}  // namespace kohort::base
