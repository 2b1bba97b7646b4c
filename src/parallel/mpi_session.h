// MPI from its initialisation to its end, as one object in main.
#pragma once

namespace kohort::parallel {

class MpiSession {
  public:
    // Initialises MPI for use by several threads at once. A process that no MPI launcher has started does without
    // MPI: it is a world of one rank. Error(environment) when the MPI library cannot serve several threads.
    MpiSession();
    // Finalises MPI, which takes all ranks, unless abandon() was called.
    ~MpiSession();
    MpiSession(const MpiSession&) = delete;
    MpiSession& operator=(const MpiSession&) = delete;

    int rank() const { return rank_; }
    int size() const { return size_; }
    bool uses_mpi() const { return uses_mpi_; }

    // From here on the process ends without MPI's own farewell: operations are in flight that will never finish,
    // or a peer cannot take part.
    void abandon() { abandoned_ = true; }
    bool abandoned() const { return abandoned_; }

    // Ends all ranks at once with this exit code.
    [[noreturn]] void abort(int exit_code);

  private:
    int rank_ = 0, size_ = 1;
    bool uses_mpi_ = false, abandoned_ = false;
};

}  // namespace kohort::parallel
