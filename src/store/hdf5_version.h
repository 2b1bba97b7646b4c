// Which HDF5 the program runs with, for `kohort --version` and the manifest.
#pragma once

#include <string>

namespace kohort::store {

std::string hdf5_version();  // "HDF5 1.10.8"

}  // namespace kohort::store
