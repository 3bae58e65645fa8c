//! Arrow streams that become batches, and the exact report of those that do not.
