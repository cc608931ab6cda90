//! The fewest edits that do together what all of them do.

use std::collections::BTreeSet;

use super::effects::Effect;

/// The numbers of the fewest edits that do to each way the most that any of them does to it. Exact: there are few edits, and
/// ways that the same edits bear on are one question.
pub(super) fn smallest(effects: &[Vec<Effect>]) -> Vec<usize> {
    let ways = effects.first().map_or(0, Vec::len);
    let doing = |way: usize| {
        let most = effects.iter().map(|of| of[way]).max().unwrap_or(Effect::Nothing);
        let number = |(number, of): (usize, &Vec<Effect>)| u32::from(of[way] == most) << number;
        if most == Effect::Nothing { 0 } else { effects.iter().enumerate().map(number).sum::<u32>() }
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
    use crate::analysis::capture::Tier;

    fn effects(marks: &[&str]) -> Vec<Vec<Effect>> {
        let effect = |mark: char| match mark {
            'x' => Effect::Closed,
            'b' => Effect::ClosedBelow(Tier::NodeRoot),
            _ => Effect::Nothing,
        };
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
        // What closes a way to everybody is more than what closes it to some.
        assert_eq!(smallest(&effects(&["bb", "x."])), [0, 1]);
        assert_eq!(smallest(&effects(&["bb", "xx"])), [1]);
    }
}
