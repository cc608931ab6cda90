//! What users state about the ways out: what must be able to leave, and what must not (contract: Config, `expect`).

use crate::config::Config;
pub use crate::config::{Expectation, To};

/// The statements of the settings.
#[derive(Clone, Copy, Debug, Default)]
pub struct Expectations<'a> {
    /// In the order in which they are written.
    pub list: &'a [Expectation],
    /// Whether the input holds everything that the settings speak of.
    pub of_whole: bool,
}

impl<'a> Expectations<'a> {
    pub(super) fn new(config: &'a Config) -> Self {
        Self { list: &config.expectations, of_whole: config.is_whole }
    }
}
