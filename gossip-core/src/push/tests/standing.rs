//! Who is lost, who is looked for, and who is attached to.

use alloc::vec;
use alloc::vec::Vec;
use core::time::Duration;

use super::super::attach::{REJOIN, SOON};
use super::super::link::SILENCE;
use super::super::*;
use super::batches::{HUB, batch, link, pushed, receive, replica, told};
use crate::anti_entropy::AntiEntropy;
use crate::config::Config;
use crate::peer;
use crate::round::Ending;
use crate::time::Time;

/// Replica `me` of a star of so many.
fn of_star(me: u8, nodes: u8) -> AntiEntropy<u8, u64> {
    let config = Config { batch_every: Some(Duration::from_millis(400)), ..Config::default() };
    let mut machine = AntiEntropy::new(config, 1);
    (0..nodes).filter(|peer| *peer != me).for_each(|peer| _ = machine.add_peer(peer));
    machine.set_overlay(Overlay::star(&me, 0..nodes));
    machine
}

fn lost(machine: &mut AntiEntropy<u8, u64>) -> usize {
    machine.pusher().lost().len()
}

fn lose(machine: &mut AntiEntropy<u8, u64>, peer: u8) {
    machine.turn(&peer).expect("it was added").on_link(|link| link.on_unreachable());
}

fn attach(machine: &mut AntiEntropy<u8, u64>, peer: u8) {
    assert_eq!(machine.turn(&peer).expect("it was added").perform(peer::Task::Push(Task::Attach)), None);
}

#[test]
fn a_peer_is_lost_once_and_only_where_it_stands_somewhere() {
    let mut spoke = of_star(2, 4);
    let mut up = batch(&mut spoke, 0, &[], 0);
    up.flags.to_parent = true;
    // As it would not, since it comes before.
    receive(&mut spoke, 1, up);
    for expected in [1, 1] {
        lose(&mut spoke, 1);
        assert_eq!(lost(&mut spoke), expected);
    }
    let sign = batch(&mut spoke, 0, &[], 0);
    receive(&mut spoke, 3, sign);
    lose(&mut spoke, 3);
    assert_eq!(lost(&mut spoke), 1, "it stands apart");
    attach(&mut spoke, 1);
    assert_eq!(lost(&mut spoke), 0);
    let link = link(&mut spoke, 1);
    assert!(!link.lost && link.standing == Standing::Parent);
}

#[test]
fn a_better_one_is_looked_for_unless_it_is_the_best() {
    let mut spoke = of_star(3, 4);
    for (name, seek_at) in [(2, Some(Time::ZERO + REJOIN)), (HUB, None)] {
        attach(&mut spoke, name);
        let common = &spoke.pusher().common;
        assert_eq!((common.parent, common.search.at()), (Some(name), seek_at));
    }
}

#[test]
fn who_may_be_above_is_asked_in_waves_of_four() {
    let mut spoke = of_star(9, 10);
    lose(&mut spoke, HUB);
    let mut asked = vec![];
    for until in (0..8_000).step_by(250) {
        let of: Vec<u8> =
            pushed(&mut spoke, until).into_iter().filter(|(_, batch)| batch.flags.asks).map(|it| it.0).collect();
        if !of.is_empty() {
            asked.push((until, of));
        }
    }
    let waves = [vec![1, 2, 3, HUB], vec![4, 5, 6, HUB], vec![7, 8, 1, HUB]];
    assert_eq!(
        asked,
        [0, 1_000, 2_000, 4_000, 5_000, 6_000].into_iter().zip(waves.iter().cycle().cloned()).collect::<Vec<_>>()
    );
}

#[test]
fn who_stands_apart_is_behind_with_all_there_is() {
    let mut spoke = replica(1, 4);
    let sign = batch(&mut spoke, 0, &[], 0);
    for (element, expected) in [(None, [false, false]), (Some(1_000), [true, false])] {
        spoke.extend(element).expect("it is small");
        [2, HUB].into_iter().for_each(|name| receive(&mut spoke, name, sign.clone()));
        assert_eq!([2, HUB].map(|name| link(&mut spoke, name).catching_up), expected);
    }
}

#[test]
fn who_is_heard_of_again_is_lost_no_more_and_behind_with_what_came_meanwhile() {
    for (element, behind) in [(None, false), (Some(1_000), true)] {
        let mut hub = replica(HUB, 4);
        lose(&mut hub, 1);
        lose(&mut hub, 2);
        assert_eq!(lost(&mut hub), 2);
        hub.extend(element).expect("it is small");
        let sign = batch(&mut hub, 0, &[], 0);
        receive(&mut hub, 1, sign);
        assert_eq!((lost(&mut hub), link(&mut hub, 1).lost, link(&mut hub, 1).catching_up), (1, false, behind));
    }
}

#[test]
fn who_is_heard_of_but_does_not_acknowledge_is_not_lost() {
    let mut hub = replica(HUB, 4);
    hub.insert(1_000).expect("it is small");
    let sign = batch(&mut hub, 0, &[], 0);
    let is_lost = |hub: &mut AntiEntropy<u8, u64>| [1, 2].map(|peer| link(hub, peer).lost);
    for until in (0..8_000).step_by(200) {
        receive(&mut hub, 1, sign.clone());
        pushed(&mut hub, until);
        assert!(!link(&mut hub, 1).lost, "{until}");
    }
    assert_eq!(is_lost(&mut hub), [false, true]);
    // What comes just when a batch goes again tells nothing of that one.
    let mut hub = replica(HUB, 4);
    hub.insert(1_000).expect("it is small");
    pushed(&mut hub, 0);
    let first = link(&mut hub, 1).deadline.get().expect("it is waited for");
    pushed(&mut hub, first.as_micros() / 1_000 - 1);
    hub.set_now(first);
    receive(&mut hub, 1, sign);
    pushed(&mut hub, 0);
    assert_eq!((link(&mut hub, 1).last_heard_at, link(&mut hub, 1).in_flight_since), (Some(first), Some(first)));
    pushed(&mut hub, 2 * first.as_micros() / 1_000 + 10);
    assert_eq!(is_lost(&mut hub), [true, true]);
}

#[test]
fn timers_that_begin_rounds_stop_while_one_is_under_way_and_run_again_after_it() {
    let mut spoke = of_star(2, 4);
    let sign = batch(&mut spoke, 0, &[], 0);
    receive(&mut spoke, 1, sign);
    assert_eq!(told(&pushed(&mut spoke, 0)), []);
    let timers = |spoke: &mut AntiEntropy<u8, u64>, name: u8| {
        let link = link(spoke, name);
        [link.idle_at, link.audit_at].map(|at| at.map(Time::as_millis))
    };
    let [silent, audit] = timers(&mut spoke, HUB);
    assert_eq!(silent, Some(SILENCE.as_millis() as u64));
    assert!((12_500..25_000).contains(&audit.expect("a parent is audited")), "{audit:?}");
    spoke.set_now(Time::from_millis(2_000));
    for (ending, silence, audit) in [
        (Ending::Proven, SILENCE, 27_000),
        (Ending::Exchanged, Duration::from_secs(1), 27_000),
        (Ending::Dropped, Duration::from_secs(1), 4_000),
    ] {
        let mut turn = spoke.turn(&HUB).expect("it was added");
        turn.want_round();
        turn.begin_round();
        assert_eq!(link(&mut spoke, HUB).deadline.get(), None);
        let mut turn = spoke.turn(&HUB).expect("it was added");
        turn.end_round(ending);
        let silent = 2_000 + silence.as_millis() as u64;
        assert_eq!(timers(&mut spoke, HUB), [Some(silent), Some(audit)]);
        assert_eq!(link(&mut spoke, HUB).deadline.get(), Some(Time::from_millis(silent)));
    }
    // A parent that does not answer is none any more, and is asked by the search alone.
    lose(&mut spoke, HUB);
    assert_eq!(timers(&mut spoke, HUB), [None, None]);
    // Nothing comes from elsewhere by way of another spoke.
    let mut turn = spoke.turn(&1).expect("it was added");
    turn.on_link(|link| link.on_round_end(Ending::Proven, Duration::ZERO));
    assert_eq!(timers(&mut spoke, 1), [None, None]);
}

/// Whether a parent is looked for at once, when this peer is heard of.
fn seeks_soon(parent: Option<u8>, asked: bool, from: u8) -> bool {
    let mut spoke = of_star(5, 8);
    spoke.set_now(Time::from_millis(1_000));
    let common = &mut spoke.pusher().common;
    (common.parent, common.search.asked) = (parent, asked);
    common.search.at = Some(Time::from_millis(5_000));
    let sign = batch(&mut spoke, 0, &[], 0);
    receive(&mut spoke, from, sign);
    assert_eq!(spoke.turn(&from).expect("it was added").perform(peer::Task::Time), None);
    spoke.pusher().common.search.at() == Some(Time::from_millis(1_000) + SOON)
}

#[test]
fn who_answers_is_attached_to_soon_where_it_is_the_best_or_there_is_nobody() {
    for (parent, expected) in [(None, [true, true, false]), (Some(4), [true, false, false]), (Some(HUB), [false; 3])] {
        assert_eq!([HUB, 3, 7].map(|from| seeks_soon(parent, true, from)), expected, "{parent:?}");
        assert_eq!([HUB, 3, 7].map(|from| seeks_soon(parent, false, from)), [false; 3], "nobody was asked");
    }
}

#[test]
fn who_is_above_tells_the_time_and_nobody_else() {
    let mut spoke = of_star(2, 4);
    let mut timed = batch(&mut spoke, 0, &[], 0);
    timed.flags.timed = true;
    for (name, phase) in [(1, None), (HUB, Some((Time::ZERO, Duration::from_millis(20))))] {
        receive(&mut spoke, name, timed.clone());
        pushed(&mut spoke, 0);
        assert_eq!(spoke.pusher().common.schedule.last_phase(), phase, "{name}");
    }
}
