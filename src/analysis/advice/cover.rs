//! The fewest edits that do together what all of them do.

use std::collections::BTreeSet;

use super::effects::Effect;

/// The numbers of the fewest edits of which one at least does something to each way that any of them does something to.
/// Exact: there are few edits, and ways that the same edits bear on are one question.
pub(super) fn smallest(effects: &[Vec<Effect>]) -> Vec<usize> {
    let ways = effects.first().map_or(0, Vec::len);
    let doing = |way: usize| {
        let number = |(number, of): (usize, &Vec<Effect>)| u32::from(of[way] != Effect::Nothing) << number;
        effects.iter().enumerate().map(number).sum::<u32>()
    };
    let questions: BTreeSet<u32> = (0..ways).map(doing).filter(|&doing| doing != 0).collect();
    let numbers = |chosen: u32| (0..effects.len()).filter(|number| chosen & (1 << number) != 0).collect();
    let mut choices: Vec<u32> = (0..1u32 << effects.len()).collect();
    // Of sets of one size, the one with what does most.
    choices.sort_by_key(|choice| (choice.count_ones(), *choice));
    let answers = |choice: &u32| questions.iter().all(|question| question & choice != 0);
    choices.into_iter().find(answers).map(numbers).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn effects(marks: &[&str]) -> Vec<Vec<Effect>> {
        let effect = |mark: char| if mark == 'x' { Effect::Closed } else { Effect::Nothing };
        marks.iter().map(|marks| marks.chars().map(effect).collect()).collect()
    }

    #[test]
    fn the_fewest_that_do_all() {
        assert_eq!(smallest(&effects(&["xx.", "x.x", ".xx"])), [0, 1]);
        // The one that does most is not among the fewest.
        assert_eq!(smallest(&effects(&["xxxx..", "xx..x.", "..xx.x"])), [1, 2]);
        assert_eq!(smallest(&effects(&["xxx", "x..", "..x"])), [0]);
        assert_eq!(smallest(&effects(&["x.", "x."])), [0]);
        assert!(smallest(&effects(&[])).is_empty());
    }
}
