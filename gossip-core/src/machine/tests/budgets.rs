//! Small budgets: no message is over `max_message`, but one that holds a single element.

use alloc::vec;
use core::fmt::Debug;

use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;

use super::*;
use crate::config::Economy;
use crate::push::Overlay;
use crate::rng::Rng as Chances;

/// Two sets, and how they are exchanged.
#[derive(Clone, Debug)]
struct Plan {
    budget: usize,
    element_limit: u32,
    window: u16,
    economy: Economy,
    pushes: bool,
    common: usize,
    own: [usize; 2],
    /// Of so many messages one is lost.
    loss: usize,
}

fn plans() -> impl Strategy<Value = Plan> {
    let economies = [Economy::Pages, Economy::FewestBytes, Economy::Balanced].map(Just);
    let budget = prop_oneof![Just(0_usize), 256..600_usize, 256..3_000_usize];
    let element_limit = prop_oneof![Just(10_u32), 10..200_u32, Just(1_024), 200..5_000_u32];
    let size = || prop_oneof![0..4_usize, 0..40_usize, 0..400_usize];
    let rest = (prop::array::uniform2(size()), 3..40_usize);
    (
        budget,
        element_limit,
        1..6_u16,
        proptest::sample::select(economies.map(|just| just.0).to_vec()),
        any::<bool>(),
        size(),
        rest,
    )
        .prop_map(|(budget, element_limit, window, economy, pushes, common, (own, loss))| Plan {
            budget,
            element_limit,
            window,
            economy,
            pushes,
            common,
            own,
            loss,
        })
}

/// Exchanges two sets, and more that is inserted meanwhile; looks at each message.
fn exchange<E: Element + Debug>(plan: &Plan, element: impl Fn(usize) -> E) -> TestCaseResult {
    let machine = |me: u8| {
        let mut config = Config { max_element_bytes: plan.element_limit, economy: plan.economy, ..Config::default() };
        config.max_message = MessageBudget::new(plan.budget);
        config.window = NonZeroU16::new(plan.window).expect("some messages");
        config.batch_every = plan.pushes.then_some(Duration::from_millis(100));
        let mut machine = AntiEntropy::<u8, E>::new(config, me.into());
        let own = if me == 0 { 0..plan.own[0] } else { 1_000..1_000 + plan.own[1] };
        machine.extend((2_000..2_000 + plan.common).chain(own).map(&element)).expect("they are small");
        machine.add_peer(1 - me);
        machine.set_overlay(Overlay::star(&me, 0..2));
        machine
    };
    let mut machines = [machine(0), machine(1)];
    let (limit, single) = (plan.budget.max(256), plan.element_limit as usize + MessageBudget::OVERHEAD);
    let (mut wire, mut sent) = (VecDeque::new(), 0);
    for now in 0..4_000_u64 {
        // Half of the time messages are lost and elements are inserted; then all is well.
        let is_well = now >= 1_500;
        if !is_well && now % 50 == 0 {
            let fresh = 3_000 + usize::try_from(now).expect("small");
            machines[fresh / 50 % 2].insert(element(fresh)).expect("it is small");
        }
        for (from, to) in [(0, 1_u8), (1, 0)] {
            loop {
                match machines[from].poll(Time::from_millis(10 * now)) {
                    Output::Send { message, .. } => {
                        let (len, elements) = (message.encoded_len(), message.body.elements().count());
                        let most = if elements == 1 { limit.max(single) } else { limit };
                        prop_assert!(len <= most, "{len} bytes with {elements} elements: {message:?}");
                        sent += 1;
                        if is_well || sent % plan.loss > 0 {
                            wire.push_back((to, message));
                        }
                    }
                    Output::Event(_) => {}
                    Output::Wait(_) => break,
                }
            }
        }
        for (to, message) in wire.drain(..) {
            prop_assert_eq!(machines[usize::from(to)].receive(&(1 - to), message), Ok(()));
        }
        if is_well && now % 100 == 0 && machines[0].digest() == machines[1].digest() {
            return Ok(());
        }
    }
    prop_assert!(false, "they differ after 40 s: {} and {}", machines[0].len(), machines[1].len());
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn only_a_message_with_a_single_element_is_over_the_budget(plan in plans(), seed in any::<u64>()) {
        let limit = plan.element_limit as usize;
        // Of bytes, up to the largest there may be; one in eight is.
        let bytes = |number: usize| {
            let chance = Chances::new(seed ^ number as u64).next_u32() as usize;
            let most = limit - 8;
            let len = if chance.is_multiple_of(8) { most } else { chance / 8 % most.min(60) };
            let mut bytes = vec![7; len.max(2)];
            bytes[..2].copy_from_slice(&(number as u16).to_le_bytes());
            bytes
        };
        exchange(&plan, bytes)?;
        exchange(&plan, |number| number as u64 ^ seed)?;
        exchange(&plan, |number| (number as u16).wrapping_mul(40_503))?;
    }
}
