//! Each rule is needed: fleets that break one are caught, and by the property that it is for.

use std::panic::{AssertUnwindSafe, catch_unwind};

use gossip_core::Rule;

use super::{Mix, run};

/// What a fleet that breaks this rule is caught by, and within how many seeds.
fn caught(rule: Rule) -> Option<(String, u64)> {
    (0..2_000).find_map(|seed| {
        let mix = Mix { inserts: 40, removals: 20, faults: 10 };
        let caught = catch_unwind(AssertUnwindSafe(|| run(Some(rule), seed, &mix))).err()?;
        let said = caught.downcast_ref::<String>()?;
        Some((said.split(':').next()?.to_owned(), seed))
    })
}

#[test]
fn each_broken_rule_is_caught_by_name() {
    std::panic::set_hook(Box::new(|_| {}));
    let expected = [
        (Rule::OwnInsert, "nothing_goes_unasked"),
        (Rule::WithoutGap, "nothing_goes_unasked"),
        (Rule::WishesFirst, "nothing_goes_unasked"),
        (Rule::Verdict, "nothing_goes_unasked"),
        (Rule::Walk, "nothing_goes_unasked"),
        (Rule::Unasked, "nothing_goes_unasked"),
        (Rule::TellGone, "convergence"),
        (Rule::Wish, "nothing_goes_unasked"),
        (Rule::Drop, "convergence"),
        (Rule::Give, "nothing_goes_unasked"),
        (Rule::TakeOver, "convergence"),
        (Rule::Refuse, "never_comes_back"),
    ];
    let caught = expected.map(|(rule, name)| (rule, name, caught(rule)));
    drop(std::panic::take_hook());
    for (rule, name, caught) in caught {
        assert!(
            caught.as_ref().is_some_and(|(said, _)| said == name),
            "{rule:?} should be caught by {name}: {caught:?}"
        );
    }
}
