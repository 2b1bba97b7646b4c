// check_virtual_index (virtual_index.h): no reader of kohort.h5 shall see fill values in place of data.
#include <memory>
#include <numeric>

#include "base/error.h"
#include "parallel/partition_queue.h"
#include "store/one_failure.h"
#include "store/virtual_index.h"
#include "store/virtual_source.h"

namespace kohort::store {
namespace {

class IndexReader {
  public:
    explicit IndexReader(const std::filesystem::path& path) : path_(path) {
        const hdf5::Lock lock;
        file_ = hdf5::open_file(path);
        for (const auto& name : hdf5::dataset_names(file_.id())) {
            hdf5::RowReader reader(hdf5::open_dataset(file_.id(), path, name), path);
            for (std::size_t block = 0; block < reader.sources().size(); ++block)
                pieces_.push_back({readers_.size(), block});
            if (!reader.sources().empty()) readers_.push_back(std::move(reader));
        }
    }

    std::size_t pieces() const { return pieces_.size(); }

    // Reads all that a virtual dataset takes from one source, so that the checksums of its chunks are
    // compared.
    void read_piece(std::size_t piece) {
        const hdf5::Lock lock;
        auto& reader = readers_[pieces_[piece].reader];
        const auto& block = reader.sources()[pieces_[piece].block];
        const auto type = reader.dataset().stored_type();
        values_.resize(static_cast<std::size_t>(block.count * reader.dataset().columns()) *
                       reader.dataset().element_size);
        try {
            reader.read_rows(type.id(), block.first, block.count, values_.data());
        } catch (const base::Error& error) {
            base::fail(base::ErrorKind::environment, "{}: a source of this virtual index is not sound: {}",
                       path_.string(), error.what());
        }
    }

  private:
    struct Piece {
        std::size_t reader, block;
    };
    std::filesystem::path path_;
    hdf5::Handle file_;
    std::vector<hdf5::RowReader> readers_;  // one a virtual dataset
    std::vector<Piece> pieces_;
    std::vector<char> values_;
};

}  // namespace

void check_virtual_index(parallel::Communicator& comm, const std::filesystem::path& file) {
    std::unique_ptr<IndexReader> index;
    parallel::agree(comm, [&] { index = std::make_unique<IndexReader>(file); });
    std::vector<std::int32_t> order(index->pieces());
    std::iota(order.begin(), order.end(), 0);
    parallel::PartitionQueue queue(comm, std::move(order));
    FirstProblem problem;
    while (const auto claimed = queue.claim())
        problem.guard(*claimed, [&] { index->read_piece(static_cast<std::size_t>(*claimed)); });
    problem.tell(comm);
}

}  // namespace kohort::store
