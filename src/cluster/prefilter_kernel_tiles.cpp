#include "cluster/prefilter_bf16_format.h"
#include "cluster/prefilter_int8_format.h"
#include "cluster/prefilter_tiles.h"

namespace kohort::cluster {
namespace {

struct Int8Tiles : Int8Format {
    static void multiply_two() {
        _tile_dpbusd(0, 4, 6);
        _tile_dpbusd(2, 5, 6);
    }
    static void multiply_four() {
        multiply_two();
        _tile_dpbusd(1, 4, 7);
        _tile_dpbusd(3, 5, 7);
    }
};

struct Bf16Tiles : Bf16Format {
    static void multiply_two() {
        _tile_dpbf16ps(0, 4, 6);
        _tile_dpbf16ps(2, 5, 6);
    }
    static void multiply_four() {
        multiply_two();
        _tile_dpbf16ps(1, 4, 7);
        _tile_dpbf16ps(3, 5, 7);
    }
};

}  // namespace

PrefilterKernel prefilter_kernel_int8_tiles(std::int64_t clusters) { return kernel_for<Int8Tiles, TileProducts>(clusters); }
PrefilterKernel prefilter_kernel_bf16_tiles(std::int64_t clusters) { return kernel_for<Bf16Tiles, TileProducts>(clusters); }

}  // namespace kohort::cluster
