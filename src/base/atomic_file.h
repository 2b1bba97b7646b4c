// A file that appears under its final name only when it is complete and on disk.
// The temporary name is "." + name + ".tmp" in the same folder, so that a crash leaves nothing that looks finished.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace kohort::base {

std::filesystem::path temporary_name(const std::filesystem::path& path);

class AtomicFile {
  public:
    // Creates the temporary file (mode 0600 by default: most files of a run hold users). Error(environment) on failure.
    explicit AtomicFile(std::filesystem::path path, int mode = 0600);
    ~AtomicFile();  // without commit(): removes the temporary file
    AtomicFile(const AtomicFile&) = delete;
    AtomicFile& operator=(const AtomicFile&) = delete;

    void write(std::string_view bytes);                          // appends
    void write_at(std::int64_t offset, std::string_view bytes);  // anywhere; does not move the append position
    void commit();                                               // fsync, rename, fsync of the folder

  private:
    std::filesystem::path path_, temporary_;
    int descriptor_ = -1;
};

// Finishes a temporary file that another library wrote and closed: fsync, rename to `path`, fsync of the folder.
void commit_temporary(const std::filesystem::path& temporary, const std::filesystem::path& path);

void write_file_atomically(const std::filesystem::path& path, std::string_view bytes, int mode = 0600);

// A file's bytes as another file, a block at a time. Returns their SHA-256. Errors as above, and of reading.
std::string copy_file_atomically(const std::filesystem::path& from, const std::filesystem::path& to);

// The whole file. Throws Error(environment) when it cannot be read.
std::string read_file(const std::filesystem::path& path);

// Removes every temporary file of this kind left in a folder (not in its subfolders) by a crash.
void remove_temporaries(const std::filesystem::path& folder);

}  // namespace kohort::base
