// The main function of tests that compare floating-point bits: as the program itself does, it gives the BLAS one
// thread before the libraries are loaded, by starting itself again.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>

int main(int count, char** arguments) {
    if (!std::getenv("OPENBLAS_NUM_THREADS") || !std::getenv("OMP_NUM_THREADS")) {
        ::setenv("OPENBLAS_NUM_THREADS", "1", 1);
        ::setenv("OMP_NUM_THREADS", "1", 1);
        ::execv("/proc/self/exe", arguments);
    }
    testing::InitGoogleTest(&count, arguments);
    return RUN_ALL_TESTS();
}
