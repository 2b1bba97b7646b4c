#include "store/partition_file.h"

#include <sys/mount.h>
#include <sys/stat.h>

#include <chrono>
#include <cmath>
#include <limits>
#include <thread>

#include "base/hash.h"
#include "base/worker_threads.h"
#include "store_fixture.h"

namespace kohort::store {
namespace {

using testing::HasSubstr;
using testing::Not;

class PartitionFile : public StoreTest {};

std::vector<float> ramp(std::size_t count) {
    std::vector<float> values(count);
    for (std::size_t i = 0; i < count; ++i) values[i] = std::sin(static_cast<float>(i)) * 3.0f;
    return values;
}

std::string write_sample(const std::filesystem::path& path, const std::string& key = "key-1") {
    PartitionWriter writer(path, "embedding", key);
    writer.write_strings("/obs/_index", {"u1", "用户二", "", "u4"}, 12);
    writer.write("/obs/segment", std::vector<std::int32_t>{3, -1, 2, 0}, Filter::deflate);
    writer.write("/obs/margin", std::vector<double>{0.5, 1, 2, std::numeric_limits<double>::max()},
                 Filter::none);
    const auto vectors = ramp(4 * 5);
    writer.write("/obsm/embedding", std::span<const float>(vectors), {4, 5}, Filter::none);
    writer.write("/documents/text/offsets", std::vector<std::int64_t>{0, 7, 7, 1LL << 40}, Filter::deflate);
    writer.write("/documents/text/bytes", std::vector<std::uint8_t>{255, 0, 1}, Filter::deflate);
    writer.write("/documents/kind", std::vector<std::int8_t>{-128, 127}, Filter::deflate);
    writer.set_attribute("/", "partitions", 64);
    writer.set_attribute("/obs", "scale", 0.25);
    writer.set_attribute("/documents", "behaviors", std::vector<std::string>{"buy", "收藏", "pv"});
    writer.set_attribute("/obs/segment", "note", "first");
    writer.set_attribute("/obs/segment", "note", "second");
    return writer.commit();
}

TEST_F(PartitionFile, what_was_written_is_read_back) {
    const auto path = folder_ / partition_file_name(42);
    EXPECT_EQ(path.filename(), "part-00042.h5");
    const auto digest = write_sample(path);
    EXPECT_EQ(digest, base::sha256_file(path));

    const PartitionReader reader(path);
    EXPECT_EQ(reader.stage(), "embedding");
    EXPECT_EQ(reader.key(), "key-1");
    EXPECT_EQ(reader.read_strings("/obs/_index"), (std::vector<std::string>{"u1", "用户二", "", "u4"}));
    EXPECT_EQ(reader.read<std::int32_t>("/obs/segment"), (std::vector<std::int32_t>{3, -1, 2, 0}));
    EXPECT_EQ(reader.read<double>("/obs/margin")[3], std::numeric_limits<double>::max());
    EXPECT_EQ(reader.shape("/obsm/embedding"), (std::vector<std::int64_t>{4, 5}));
    EXPECT_EQ(reader.read<float>("/obsm/embedding"), ramp(20));
    EXPECT_EQ(reader.read<std::int64_t>("/documents/text/offsets").back(), 1LL << 40);
    EXPECT_EQ(reader.read<std::uint8_t>("/documents/text/bytes"), (std::vector<std::uint8_t>{255, 0, 1}));
    EXPECT_EQ(reader.read<std::int8_t>("/documents/kind"), (std::vector<std::int8_t>{-128, 127}));
    EXPECT_EQ(reader.integer_attribute("/", "partitions"), 64);
    EXPECT_EQ(reader.strings_attribute("/documents", "behaviors"),
              (std::vector<std::string>{"buy", "收藏", "pv"}));
    EXPECT_EQ(reader.string_attribute("/obs/segment", "note"), "second");
    EXPECT_EQ(reader.strings_attribute("/obs", "column-order"),
              (std::vector<std::string>{"segment", "margin"}));
    EXPECT_TRUE(reader.has("/obsm/embedding"));
    EXPECT_FALSE(reader.has("/obsm/map"));
    EXPECT_FALSE(reader.has("/nothing/at/all"));
    reader.check_all();
}

TEST_F(PartitionFile, rows_are_read_by_range) {
    const auto path = folder_ / "part.h5";
    const auto values = ramp(700 * 513);  // several chunks, none of them full
    {
        PartitionWriter writer(path, "s", "k");
        writer.write("/obsm/embedding", std::span<const float>(values), {700, 513}, Filter::none);
        writer.commit();
    }
    const PartitionReader reader(path);
    for (const auto& [first, count] : {std::pair{0, 700}, {0, 1}, {699, 1}, {233, 300}, {700, 0}}) {
        const auto rows = reader.read_rows<float>("/obsm/embedding", first, count);
        EXPECT_EQ(rows,
                  std::vector<float>(values.begin() + first * 513, values.begin() + (first + count) * 513));
    }
    EXPECT_EQ(error_of([&] { reader.read_rows<float>("/obsm/embedding", 500, 201); }).first, 5);
    EXPECT_EQ(error_of([&] { reader.read_rows<float>("/obsm/embedding", -1, 2); }).first, 5);
}

TEST_F(PartitionFile, an_empty_partition_is_a_partition) {
    const auto path = folder_ / "part.h5";
    {
        PartitionWriter writer(path, "s", "k");
        writer.write_strings("/obs/_index", {}, 8);
        writer.write("/obs/segment", std::vector<std::int32_t>{}, Filter::deflate);
        writer.write("/obsm/embedding", std::span<const float>(), {0, 256}, Filter::none);
        writer.set_attribute("/obs", "empty", std::vector<std::string>{});
        writer.commit();
    }
    const PartitionReader reader(path);
    EXPECT_EQ(reader.shape("/obsm/embedding"), (std::vector<std::int64_t>{0, 256}));
    EXPECT_TRUE(reader.read<float>("/obsm/embedding").empty());
    EXPECT_TRUE(reader.read_strings("/obs/_index").empty());
    EXPECT_TRUE(reader.strings_attribute("/obs", "empty").empty());
    reader.check_all();
}

TEST_F(PartitionFile, equal_content_is_equal_bytes_at_any_time_and_on_any_thread) {
    const auto first = write_sample(folder_ / "a.h5");
    std::this_thread::sleep_for(std::chrono::milliseconds(1100));  // a stored time would have changed
    for (const int threads : {1, 2, 5}) {
        std::vector<std::string> digests(8);
        base::parallel_for(threads, 8, [&](std::int64_t i) {
            digests[static_cast<std::size_t>(i)] = write_sample(folder_ / (std::to_string(i) + ".h5"));
        });
        EXPECT_EQ(digests, std::vector<std::string>(8, first)) << threads;
    }
    EXPECT_EQ(base::read_file(folder_ / "a.h5"), base::read_file(folder_ / "7.h5"));
    EXPECT_NE(write_sample(folder_ / "b.h5", "another key"), first);
}

TEST_F(PartitionFile, memory_that_was_used_before_does_not_show_in_a_file) {
    const auto program = std::filesystem::read_symlink("/proc/self/exe").string();
    const char* inner = std::getenv("KOHORT_TEST_INNER_FILE");
    if (inner) {
        write_sample(inner);
        return;
    }
    const auto digest = write_sample(folder_ / "a.h5");
    const auto result = run_command(
        "MALLOC_PERTURB_=165 KOHORT_TEST_INNER_FILE='" + (folder_ / "b.h5").string() + "' '" + program +
        "' --gtest_filter=PartitionFile.memory_that_was_used_before_does_not_show_in_a_file");
    ASSERT_EQ(result.exit_code, 0) << result.output;
    EXPECT_EQ(base::sha256_file(folder_ / "b.h5"), digest);
}

TEST_F(PartitionFile, appears_only_when_committed_and_only_for_its_owner) {
    const auto path = folder_ / "part.h5";
    {
        PartitionWriter abandoned(path, "s", "k");
        abandoned.write("/obs/segment", std::vector<std::int32_t>{1}, Filter::deflate);
    }
    EXPECT_TRUE(std::filesystem::is_empty(folder_));
    write_sample(path);
    struct stat status {};
    ASSERT_EQ(::stat(path.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777u, 0600u);
}

TEST_F(PartitionFile, refuses_what_would_not_read_back) {
    PartitionWriter writer(folder_ / "part.h5", "s", "k");
    writer.write("/a", std::vector<float>{1, 2}, Filter::none);
    const std::vector<float> three{1, 2, 3};
    EXPECT_EQ(error_of([&] { writer.write("/a", three, Filter::none); }).first, 5);
    EXPECT_EQ(error_of([&] {
                  writer.write("/b", std::span<const float>(three), {2, 2}, Filter::none);
              }).first,
              5);
    EXPECT_EQ(error_of([&] {
                  writer.write("/b", std::span<const float>(three), {-1, -3}, Filter::none);
              }).first,
              5);
    EXPECT_EQ(error_of([&] { writer.write("b", three, Filter::none); }).first, 5);
    EXPECT_EQ(error_of([&] { writer.write_strings("/c", {"four"}, 3); }).first, 5);
    EXPECT_EQ(error_of([&] { writer.write_strings("/c", {std::string("a\0", 2)}, 3); }).first, 5);
    EXPECT_EQ(error_of([&] { writer.write_strings("/c", {}, 0); }).first, 5);
}

TEST_F(PartitionFile, refuses_another_type_than_the_one_stored) {
    write_sample(folder_ / "part.h5");
    const PartitionReader reader(folder_ / "part.h5");
    for (const auto& [code, message] : {error_of([&] { reader.read<double>("/obsm/embedding"); }),
                                        error_of([&] { reader.read_strings("/obs/segment"); }),
                                        error_of([&] { reader.integer_attribute("/", "kohort_key"); }),
                                        error_of([&] { reader.read<float>("/obs/none"); }),
                                        error_of([&] { reader.string_attribute("/obs", "none"); })}) {
        EXPECT_EQ(code, 4);
        EXPECT_THAT(message, HasSubstr((folder_ / "part.h5").string()));
    }
}

TEST_F(PartitionFile, a_missing_file_and_a_folder_are_named) {
    for (const auto& path : {folder_ / "nowhere.h5", folder_}) {
        const auto [code, message] = error_of([&] { PartitionReader reader(path); });
        EXPECT_EQ(code, 4);
        EXPECT_THAT(message, HasSubstr(path.string()));
    }
}

TEST_F(PartitionFile, a_truncated_file_is_refused_at_every_length) {
    const auto path = folder_ / "part.h5";
    write_sample(path);
    const auto whole = base::read_file(path);
    for (const std::size_t length :
         {std::size_t{0}, std::size_t{7}, std::size_t{48}, whole.size() / 2, whole.size() - 1}) {
        base::write_file_atomically(path, std::string_view(whole).substr(0, length));
        const auto [code, message] = error_of([&] { PartitionReader(path).check_all(); });
        EXPECT_EQ(code, 4) << length;
        EXPECT_THAT(message, HasSubstr(path.string()));
    }
}

TEST_F(PartitionFile, a_flipped_byte_in_any_dataset_is_found_and_named) {
    const auto path = folder_ / "part.h5";
    write_sample(path);
    const auto values = ramp(20);
    const auto at = find_in_file(path, std::string(reinterpret_cast<const char*>(values.data()), 16));
    ASSERT_GT(at, 0);
    flip_byte(path, at + 5);
    const PartitionReader reader(path);
    for (const auto& [code, message] :
         {error_of([&] { reader.check_all(); }), error_of([&] { reader.read<float>("/obsm/embedding"); })}) {
        EXPECT_EQ(code, 4);
        EXPECT_THAT(message, HasSubstr("/obsm/embedding"));
        EXPECT_THAT(message, HasSubstr(path.string()));
    }
}

TEST_F(PartitionFile, a_newer_format_is_refused_as_usage) {
    const auto path = folder_ / "part.h5";
    {
        PartitionWriter writer(path, "s", "k");
        writer.set_attribute("/", "kohort_format", 2);
        writer.commit();
    }
    const auto [code, message] = error_of([&] { PartitionReader reader(path); });
    EXPECT_EQ(code, 2);
    EXPECT_THAT(message, HasSubstr("format 2"));
    EXPECT_THAT(message, HasSubstr(path.string()));
}

TEST_F(PartitionFile, hdf5_itself_prints_nothing) {
    testing::internal::CaptureStderr();
    EXPECT_EQ(error_of([&] { PartitionReader reader(folder_ / "nowhere.h5"); }).first, 4);
    base::write_file_atomically(folder_ / "x.h5", "not HDF5");
    EXPECT_EQ(error_of([&] { PartitionReader reader(folder_ / "x.h5"); }).first, 4);
    EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

TEST_F(PartitionFile, a_full_disk_is_an_environment_error_and_leaves_nothing) {
    const auto disk = folder_ / "disk";
    std::filesystem::create_directories(disk);
    if (::mount("tmpfs", disk.c_str(), "tmpfs", 0, "size=256k") != 0)
        GTEST_SKIP() << "only root can mount a small disk to fill";
    const auto values = ramp(200000);
    const auto [code, message] = error_of([&] {
        PartitionWriter writer(disk / "part.h5", "s", "k");
        writer.write("/obsm/embedding", std::span<const float>(values), {1000, 200}, Filter::none);
        writer.commit();
    });
    const bool empty = std::filesystem::is_empty(disk);
    ::umount(disk.c_str());
    EXPECT_EQ(code, 4);
    EXPECT_THAT(message, HasSubstr((disk / "part.h5").string()));
    EXPECT_THAT(message, HasSubstr("No space left"));
    EXPECT_TRUE(empty);
    write_sample(folder_ / "later.h5");  // the library works on after the failure
    PartitionReader(folder_ / "later.h5").check_all();
}

TEST_F(PartitionFile, several_threads_read_and_write_at_once) {
    base::parallel_for(4, 40, [&](std::int64_t i) {
        const auto path = folder_ / partition_file_name(static_cast<std::int32_t>(i));
        write_sample(path, std::to_string(i));
        const PartitionReader reader(path);
        EXPECT_EQ(reader.key(), std::to_string(i));
        EXPECT_EQ(reader.read<float>("/obsm/embedding"), ramp(20));
    });
}

}  // namespace
}  // namespace kohort::store
