#include "base/error.h"

#include <cerrno>
#include <cstring>

namespace kohort::base {

Error::Error(ErrorKind kind, const std::string& message) : std::runtime_error(message), kind_(kind) {}

void fail_errno(const std::string& what) {
    const int code = errno;
    const char* advice = "";
    if (code == ENOSPC || code == EDQUOT) advice = "; free some space or choose another --out, then run again with --resume";
    fail(ErrorKind::environment, "cannot {}: {}{}", what, std::strerror(code), advice);
}

}  // namespace kohort::base
