//! What a finding is about, as a hash that outlives its lines: the key of baselines and comparisons.

use std::collections::HashMap;

use super::Objects;
use crate::finding::{Finding, Object};

/// What a finding is about, in words that moving lines or other objects does not change.
pub(super) fn fingerprint(
    finding: &Finding,
    object: Option<&Object>,
    estates: &[String],
    objects: &dyn Objects,
) -> u128 {
    let mut hash = Fnv::new();
    hash.word(finding.rule);
    hash.word(finding.variant);
    if finding.estate_wide {
        for estate in estates {
            hash.word(estate);
        }
        return hash.0;
    }
    hash.object(object);
    hash.word(&objects.field(finding.at));
    for hop in &finding.witness {
        hash.word(&hop.name);
        hash.object(objects.object(hop.at).as_ref());
    }
    if !finding.subject.is_empty() {
        hash.word(&finding.subject);
    }
    hash.0
}

/// The fingerprint of a finding whose file is of one estate alone: clusters that have a folder each hold the same objects.
pub(super) fn with_estate(fingerprint: u128, estate: &str) -> u128 {
    let mut hash = Fnv(fingerprint);
    hash.word(estate);
    hash.0
}

/// The second finding with the same fingerprint is `…:2`, the third `…:3`.
pub(super) fn numbered(hash: u128, seen: &mut HashMap<u128, usize>) -> String {
    let count = seen.entry(hash).or_default();
    *count += 1;
    if *count == 1 { format!("{hash:032x}") } else { format!("{hash:032x}:{count}") }
}

/// FNV-1a with 128 bits, written out: baselines outlive versions and platforms, so the hash must too.
struct Fnv(u128);

impl Fnv {
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;

    fn new() -> Self {
        Self(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d)
    }

    fn byte(&mut self, byte: u8) {
        self.0 = (self.0 ^ u128::from(byte)).wrapping_mul(Self::PRIME);
    }

    /// Each word ends in a zero byte, so that `ab`, `c` and `a`, `bc` differ.
    fn word(&mut self, word: &str) {
        word.bytes().for_each(|byte| self.byte(byte));
        self.byte(0);
    }

    /// The version is left out: `v1beta1` and `v1` of a kind are the same object.
    fn object(&mut self, object: Option<&Object>) {
        let Some(object) = object else { return self.byte(1) };
        self.word(object.api_version.split_once('/').map_or("", |(group, _)| group));
        self.word(&object.kind);
        self.word(object.namespace.as_deref().unwrap_or_default());
        self.word(&object.name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fnv_has_its_published_values() {
        assert_eq!(Fnv::new().0, 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d);
        let mut hash = Fnv::new();
        hash.byte(b'a');
        assert_eq!(hash.0, 0xd228_cb69_6f1a_8caf_7891_2b70_4e4a_8964);
    }
}
