//! negentropy: range-based reconciliation of 32-byte ids with timestamps, as Nostr relays speak it.
//!
//! - On the wire: the crate's messages, without a limit on their size, until the initiator has nothing left to ask; then,
//!   since the responder does not learn what it lacks, those elements.
//! - Ids are 32 bytes. An element of 32 bytes is its own id, so ids that the initiator lacks need not be fetched; an
//!   integer is padded with zeros, which favours the peer: a hash would be as long, and the element would travel too. The
//!   8 bytes that a larger element is known by are padded as well.
//! - Timestamps: 0, which is cheapest, where elements are random; the time where they begin with one.
//! - Where nothing differs, the responder's last message says so.
//! - Inserts: `NegentropyStorageVector` sorts everything again when it is sealed, once for all that was inserted.

use std::rc::Rc;

use ::negentropy::{Id, Negentropy as Session, NegentropyStorageVector};

use super::{Line, Protocol};
use crate::bytes::Bytes;
use crate::sets::{Sample, Sets, Side};

#[derive(Clone, Copy, Debug)]
pub(super) struct Negentropy;

const VALID: &str = "both sides are sealed and follow the protocol";

/// How an element is stored, and found again in its id.
fn id<B: Bytes>(element: &B) -> Id {
    let mut id = [0; 32];
    id[..B::LEN].copy_from_slice(element.as_ref());
    Id::from_byte_array(id)
}

fn element<B: Bytes>(id: &Id) -> B {
    B::first_of(id.as_bytes()).expect("an id is no shorter")
}

impl<E: Sample> Protocol<E> for Negentropy {
    type State = Rc<NegentropyStorageVector>;

    fn name(self) -> &'static str {
        "negentropy"
    }

    fn build(self, sets: &Sets<E>, side: usize) -> Self::State {
        let mut storage = NegentropyStorageVector::new();
        for element in sets.side(side) {
            let time = if sets.side == Side::Recent { element.time() } else { 0 };
            storage.insert(time, id(&element.to_bytes())).expect(VALID);
        }
        storage.seal().expect(VALID);
        Rc::new(storage)
    }

    fn round(self, sides: &mut [Self::State; 2], line: &mut Line<E>) -> [Vec<E::Bytes>; 2] {
        let [mut initiator, mut responder] =
            [0, 1].map(|side| Session::borrowed(&*sides[side], 0).expect("no limit is none too small"));
        let (mut have, mut need) = (vec![], vec![]);
        let mut query = line.say(|| initiator.initiate().expect(VALID));
        loop {
            let answer = line.say(|| responder.reconcile(&query).expect(VALID));
            let next = line.work(|| initiator.reconcile_with_ids(&answer, &mut have, &mut need).expect(VALID));
            let Some(next) = next else { break };
            query = line.say(|| next);
        }
        let [learned, lacked] = line.work(|| [need, have].map(|ids| ids.iter().map(element).collect::<Vec<_>>()));
        if lacked.is_empty() { line.fetch(0, [learned, lacked]) } else { line.hand_over(0, vec![], [learned, lacked]) }
    }

    fn insert(self, state: &mut Self::State, elements: &[E::Bytes]) -> Option<()> {
        let storage = Rc::get_mut(state)?;
        storage.unseal().expect(VALID);
        elements.iter().for_each(|element| storage.insert(0, id(element)).expect(VALID));
        storage.seal().expect(VALID);
        Some(())
    }
}
