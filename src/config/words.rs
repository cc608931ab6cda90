//! What a misspelled word was most likely meant to be.

/// The known word that a misspelled one most likely stands for.
#[must_use]
pub fn closest<'k>(word: &str, known: &[&'k str]) -> Option<&'k str> {
    let allowed = (word.chars().count() / 3).max(1);
    let near = known.iter().map(|&candidate| (strsim::osa_distance(word, candidate), candidate));
    near.filter(|&(distance, _)| distance <= allowed).min_by_key(|&(distance, _)| distance).map(|(_, word)| word)
}

/// `; did you mean ...?` where some known word is close, nothing otherwise.
#[must_use]
pub fn suggestion(word: &str, known: &[&str]) -> String {
    closest(word, known).map(|known| format!("; did you mean `{known}`?")).unwrap_or_default()
}

/// A suggestion where there is one, else all there is to choose from.
#[must_use]
pub fn choice(word: &str, known: &[&str]) -> String {
    match closest(word, known) {
        Some(known) => format!("; did you mean `{known}`?"),
        None => format!("; it is one of {}", listed(known)),
    }
}

/// Words in backticks, with commas between them.
#[must_use]
pub fn listed(words: &[&str]) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelled_word_finds_the_one_that_was_meant() {
        let known = ["host-network-workload", "gateway-not-scaled"];
        assert_eq!(closest("host-netwrok-workload", &known), Some("host-network-workload"));
        assert_eq!(closest("gateway", &known), None);
        assert_eq!(suggestion("gateway-not-scald", &known), "; did you mean `gateway-not-scaled`?");
        assert_eq!(choice("x", &["a-long-word", "off"]), "; it is one of `a-long-word`, `off`");
    }
}
