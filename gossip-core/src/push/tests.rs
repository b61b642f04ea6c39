//! Who stands where, and what waits to go where.

mod batches;
mod standing;

use super::overlay::Standing;
use super::*;

const EVERY: Duration = Duration::from_millis(400);

fn ms(millis: u64) -> Time {
    Time::from_millis(millis)
}

fn at(index: usize) -> Place {
    Place::new(index)
}

/// Of replica `me` in a star around 0, with links to 1, 2 and 3.
fn of_star(me: u8) -> Pusher<u8> {
    let mut pusher = Pusher::new(EVERY, Overlay::star(&me, 0..4), LogId::from_bits(7));
    (0..4).filter(|peer| *peer != me).for_each(|peer| pusher.add(peer));
    pusher
}

/// Does something with a link of its own account.
fn on_link(pusher: &mut Pusher<u8>, peer: u8, act: impl FnOnce(&mut LinkTurn<'_, u8>) -> Wishes) -> Wishes {
    let (mut known, pacing) = (Known::default(), Pacing::default());
    let (now, end, window, answer_within) = (Time::ZERO, Place::START, 4, EVERY);
    let about = About {
        now,
        end,
        window,
        pacing: &pacing,
        answer_within,
        audit_every: 50 * EVERY,
        in_round: false,
        is_full: false,
    };
    act(&mut pusher.hand(&peer).expect("it was added").turn(&mut known, about))
}

#[test]
fn elements_go_everywhere_but_where_they_came_from() {
    let mut spoke = of_star(1);
    spoke.common.parent = Some(0);
    let note = |spoke: &mut Pusher<u8>, end, from: u8, age| {
        spoke.hand(&from).expect("it was added").note_arrivals(at(end), Duration::from_millis(age));
    };
    note(&mut spoke, 2, 0, 30);
    spoke.stamp(at(2), ms(100));
    assert_eq!(spoke.common.schedule.waiting(), [None, Some((ms(100), ms(70)))]);
    note(&mut spoke, 3, 2, 90);
    spoke.stamp(at(3), ms(110));
    assert_eq!(spoke.common.schedule.waiting(), [Some((ms(110), ms(20))), Some((ms(100), ms(20)))]);
    // One that was inserted here; and there is nothing new the next time.
    spoke.stamp(at(4), ms(120));
    assert_eq!(spoke.common.schedule.waiting(), [Some((ms(110), ms(20))), Some((ms(100), ms(20)))]);
    spoke.common.schedule.go_up(ms(130));
    spoke.stamp(at(4), ms(140));
    assert_eq!(spoke.common.schedule.waiting()[0], None);
    spoke.common.parent = None;
    spoke.stamp(at(5), ms(150));
    assert_eq!(spoke.common.schedule.waiting()[0], Some((ms(150), ms(150))));
    assert_eq!((spoke.common.up_at(), spoke.common.down_at()), (None, None), "there is neither parent nor child");
}

#[test]
fn who_is_gone_leaves_nothing_behind() {
    let mut spoke = of_star(1);
    assert!(spoke.is_orphan() && spoke.leaves_to_rounds());
    assert!(on_link(&mut spoke, 0, |link| link.settle()).time, "its silence counts");
    assert!(!spoke.is_orphan() && !spoke.leaves_to_rounds());
    // A child that is lost, and another.
    for child in [2, 3] {
        _ = on_link(&mut spoke, child, |link| {
            link.link_or_new().standing = Standing::Child;
            link.common.children.insert(child);
            link.link_or_new().send(at(1), 4, Time::ZERO);
            link.reschedule();
            Wishes::default()
        });
    }
    assert!(on_link(&mut spoke, 2, |link| link.on_unreachable()).lost);
    assert!(spoke.leaves_to_rounds());
    spoke.common.search.at = Some(ms(9));
    spoke.remove(&2, at(0));
    assert_eq!((spoke.lost().len(), spoke.common.parent, spoke.common.search.at()), (0, Some(0), Some(ms(9))));
    assert_eq!((&spoke.common.children, spoke.common.deadlines.due(ms(100_000))), (&[3].into(), Some(&3)));
    assert!(!spoke.leaves_to_rounds());
    spoke.remove(&0, at(0));
    assert_eq!((spoke.common.parent, spoke.common.search.at()), (None, None));
    assert!(spoke.is_orphan() && spoke.leaves_to_rounds());
    let mut hub = of_star(0);
    assert!(hub.is_orphan() && hub.leaves_to_rounds(), "nobody is joined with it");
    _ = on_link(&mut hub, 1, |link| link.settle());
    assert!(!hub.is_orphan() && !hub.leaves_to_rounds(), "it wants no parent");
    assert!(on_link(&mut hub, 1, |link| link.on_unreachable()).lost);
    assert!(hub.leaves_to_rounds());
}
