#include "parallel/mpi_channel.h"

#include <mpi.h>

#include <deque>
#include <mutex>

#include "parallel/backoff.h"
#include "parallel/mpi_check.h"

namespace kohort::parallel {
namespace {

class MpiChannel : public Channel {
  public:
    explicit MpiChannel(MpiSession& session) : session_(session) {
        check_mpi(MPI_Comm_dup(MPI_COMM_WORLD, &comm_), "MPI_Comm_dup");
        check_mpi(MPI_Comm_set_errhandler(comm_, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
    }

    // What was sent last may still be on its way; after a second its receiver is taken for dead.
    ~MpiChannel() override {
        Backoff backoff;
        while (!all_sent() && backoff.waited() < std::chrono::seconds(1)) backoff.pause();
        if (!sending_.empty()) session_.abandon();
        if (!session_.abandoned()) MPI_Comm_free(&comm_);
        else for (auto& message : sending_) static_cast<void>(message.release());  // MPI may still read them
    }

    int rank() const override { return session_.rank(); }
    int size() const override { return session_.size(); }

    void send(int to, int tag, std::string_view payload) override {
        std::lock_guard lock(mutex_);
        auto message = std::make_unique<Outgoing>();
        message->payload = payload;
        check_mpi(MPI_Isend(message->payload.data(), static_cast<int>(payload.size()), MPI_BYTE, to, tag, comm_,
                            &message->request),
                  "MPI_Isend");
        sending_.push_back(std::move(message));
        forget_sent();
    }

    std::optional<Message> receive(int tag) override {
        int found = 0;
        MPI_Message handle;
        MPI_Status status;
        check_mpi(MPI_Improbe(MPI_ANY_SOURCE, tag, comm_, &found, &handle, &status), "MPI_Improbe");
        if (!found) return std::nullopt;
        int bytes = 0;
        check_mpi(MPI_Get_count(&status, MPI_BYTE, &bytes), "MPI_Get_count");
        Message message{status.MPI_SOURCE, std::string(static_cast<std::size_t>(bytes), '\0')};
        check_mpi(MPI_Mrecv(message.payload.data(), bytes, MPI_BYTE, &handle, MPI_STATUS_IGNORE), "MPI_Mrecv");
        return message;
    }

  private:
    struct Outgoing {
        std::string payload;
        MPI_Request request = MPI_REQUEST_NULL;
    };

    bool all_sent() {
        std::lock_guard lock(mutex_);
        forget_sent();
        return sending_.empty();
    }

    void forget_sent() {
        std::erase_if(sending_, [](const auto& message) {
            int done = 0;
            return MPI_Test(&message->request, &done, MPI_STATUS_IGNORE) != MPI_SUCCESS || done != 0;
        });
    }

    MpiSession& session_;
    MPI_Comm comm_ = MPI_COMM_NULL;
    std::mutex mutex_;
    std::deque<std::unique_ptr<Outgoing>> sending_;
};

}  // namespace

std::unique_ptr<Channel> make_mpi_channel(MpiSession& session) { return std::make_unique<MpiChannel>(session); }

}  // namespace kohort::parallel
