//! Cases that `proptest` generates, run within the runtime of a test.

use std::env;

use proptest::strategy::Strategy;
use proptest::test_runner::{Config, TestCaseResult, TestRunner};
use tokio::runtime::Handle;
use tokio::task::block_in_place;

/// Runs `test` with generated values: `cases` times, or as often as `PROPTEST_CASES` says.
///
/// # Panics
/// With the least values found for which the test fails.
pub(super) fn for_all<S: Strategy>(cases: u32, values: &S, test: impl AsyncFn(S::Value) -> TestCaseResult) {
    let mut config = Config { failure_persistence: None, max_shrink_iters: 500, ..Config::default() };
    if env::var_os("PROPTEST_CASES").is_none() {
        config.cases = cases;
    }
    let run = |value| Handle::current().block_on(test(value));
    let outcome = block_in_place(|| TestRunner::new(config).run(values, run).map_err(|error| error.to_string()));
    if let Err(difference) = outcome {
        panic!("the store and the memory store disagree: {difference}");
    }
}
