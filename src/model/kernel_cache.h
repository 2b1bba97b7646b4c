// The kernels that oneDNN compiles, one for each shape of product, and keeps for the next product of that shape.
#pragma once

namespace kohort::model {

// Makes oneDNN keep many more of them than the 1,024 it keeps by itself. That is no matter of speed alone: in oneDNN 2.6 a
// bf16 product with a bias reads freed memory where the product of another thread drives its kernel out of the cache just
// then; trainings on two threads ended in a bad allocation that way, after some ten steps. Without effect where this
// build's LibTorch has an oneDNN of its own.
void keep_compiled_kernels();

// Lets go of all of them, for trainings that see new shapes without end. No thread may be computing.
void drop_compiled_kernels();

}  // namespace kohort::model
