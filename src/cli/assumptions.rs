//! What a run may take for granted of its input: the same options for every command that judges it.

use clap::Args;

use super::{INPUT, version, words};
use palisade::config::{Config, Part};

#[derive(Args)]
pub struct Assumptions {
    /// Parts of the estate that the input holds completely, so that what is not in it is missing
    #[arg(long, value_name = "PARTS", value_delimiter = ',', value_parser = words(&Part::ALL, Part::as_str), help_heading = INPUT)]
    pub complete: Option<Vec<Part>>,

    /// The Istio version to assume where defaults differ, such as 1.28
    #[arg(long, value_name = "X.Y", value_parser = version, help_heading = INPUT)]
    pub istio_version: Option<(u32, u32)>,

    /// Documents that cannot be parsed are no failure
    #[arg(long, help_heading = INPUT)]
    pub allow_unparsed: bool,
}

impl Assumptions {
    /// The settings with what was typed on top.
    pub fn over(&self, config: Config) -> Config {
        Config {
            complete: self.complete.clone().unwrap_or(config.complete),
            istio_version: self.istio_version.or(config.istio_version),
            allow_unparsed: self.allow_unparsed || config.allow_unparsed,
            ..config
        }
    }
}
