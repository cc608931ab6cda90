//! What a misspelled word was most likely meant to be.

/// The known word that a misspelled one most likely stands for.
#[must_use]
pub fn closest<'k>(word: &str, known: &[&'k str]) -> Option<&'k str> {
    let allowed = (word.chars().count() / 3).max(1);
    let near = known.iter().map(|&candidate| (strsim::osa_distance(word, candidate), candidate));
    near.filter(|&(distance, _)| distance <= allowed).min_by_key(|&(distance, _)| distance).map(|(_, word)| word)
}

/// The fewest letters of a part of a word that tell which word is meant, and the most words that it may tell.
const PART: (usize, usize) = (4, 3);

/// `; did you mean ...?` where some known word is close or a few have the word in them, nothing otherwise.
#[must_use]
pub fn suggestion(word: &str, known: &[&str]) -> String {
    let (letters, most) = PART;
    let holds = |known: &&&str| word.chars().count() >= letters && known.contains(word);
    let meant: Vec<&str> = match closest(word, known) {
        Some(closest) => vec![closest],
        None => known.iter().filter(holds).copied().collect(),
    };
    match meant.len() {
        count if count > most => String::new(),
        0 => String::new(),
        _ => format!("; did you mean {}?", listed(&meant).replace(", ", " or ")),
    }
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
    fn a_part_of_a_word_tells_a_few() {
        let known = ["host-network-workload", "host-path-workload", "gateway-not-scaled", "gateway-passthrough"];
        assert_eq!(suggestion("host-network", &known), "; did you mean `host-network-workload`?");
        assert_eq!(suggestion("gateway", &known), "; did you mean `gateway-not-scaled` or `gateway-passthrough`?");
        assert_eq!(suggestion("a", &known), "");
        assert_eq!(suggestion("workload", &[known, known].concat()), "");
    }

    #[test]
    fn a_misspelled_word_finds_the_one_that_was_meant() {
        let known = ["host-network-workload", "gateway-not-scaled"];
        assert_eq!(closest("host-netwrok-workload", &known), Some("host-network-workload"));
        assert_eq!(closest("gateway", &known), None);
        assert_eq!(suggestion("gateway-not-scald", &known), "; did you mean `gateway-not-scaled`?");
        assert_eq!(choice("x", &["a-long-word", "off"]), "; it is one of `a-long-word`, `off`");
    }
}
