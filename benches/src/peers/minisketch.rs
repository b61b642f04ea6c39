//! minisketch: PinSketch, a sketch of as many field elements as may differ, by `minisketch-rs`.
//!
//! - On the wire: the capacity that the initiator asks for, the responder's sketch of 8 bytes for each, and then, since
//!   the responder does not decode, the elements that it lacks.
//! - It is told how many differ, which nobody else here is, and asks for exactly that capacity (1 where nothing differs).
//! - A sketch is for its capacity: either side builds it from all of its set, before the clock starts. The initiator
//!   keeps its set sorted, to tell whose a decoded element is.
//! - It carries integers of up to 64 bits other than 0, and ids. Decoding is quadratic, so the report stops at 1 000.
//! - The crate generates its bindings while it is built, which needs libclang (`apt-get install libclang-dev`) beside a
//!   C++ compiler. So it is no feature, but a flag of the compiler: `RUSTFLAGS="--cfg minisketch"`.

use std::rc::Rc;

use minisketch_rs::Minisketch as Sketch;

use super::{Line, Protocol, held, put_varint, take_varint};
use crate::bytes::Bytes;
use crate::sets::{Sample, Sets};

#[derive(Clone, Copy, Debug)]
pub(super) struct Minisketch;

/// The most differences.
const MOST: usize = 1_000;

const VALID: &str = "64 bits are supported, and the capacity suffices";

#[derive(Clone)]
pub(super) struct State<B> {
    capacity: usize,
    sketch: Rc<Sketch>,
    elements: Rc<Vec<B>>,
}

fn sketch(capacity: usize) -> Sketch {
    Sketch::try_new(64, 0, capacity).expect(VALID)
}

impl<E: Sample> Protocol<E> for Minisketch {
    type State = State<E::Bytes>;

    fn name(self) -> &'static str {
        "minisketch"
    }

    fn refuses(self, sets: &Sets<E>) -> Option<&'static str> {
        if E::Bytes::LEN > 8 {
            Some("elements of at most 8 bytes")
        } else if sets.d() > MOST {
            Some("decoding is quadratic: not tried above 1 000")
        } else {
            None
        }
    }

    fn build(self, sets: &Sets<E>, side: usize) -> Self::State {
        let capacity = sets.d().max(1);
        let mut sketch = sketch(capacity);
        let mut elements: Vec<E::Bytes> = held(sets, side).collect();
        elements.iter().for_each(|element| sketch.add(number(element)));
        elements.sort_unstable();
        State { capacity, sketch: Rc::new(sketch), elements: Rc::new(elements) }
    }

    fn round(self, sides: &mut [Self::State; 2], line: &mut Line<E>) -> [Vec<E::Bytes>; 2] {
        let [initiator, responder] = &*sides;
        let request = line.say(|| {
            let mut out = vec![];
            put_varint(initiator.capacity as u64, &mut out);
            out
        });
        let answer = line.say(|| {
            assert_eq!(take_varint(&mut request.as_slice()), responder.capacity as u64);
            let mut out = vec![0; responder.sketch.serialized_size()];
            responder.sketch.serialize(&mut out).expect(VALID);
            out
        });
        let (learned, lacked) = line.work(|| {
            let mut difference = sketch(initiator.capacity);
            difference.deserialize(&answer);
            difference.merge(&initiator.sketch).expect(VALID);
            let mut decoded = vec![0; initiator.capacity];
            let count = difference.decode(&mut decoded).expect(VALID);
            let elements = decoded[..count].iter().map(|number| array(*number));
            elements.partition::<Vec<E::Bytes>, _>(|element| initiator.elements.binary_search(element).is_err())
        });
        line.hand_over(0, vec![], [learned, lacked])
    }
}

fn number<B: Bytes>(element: &B) -> u64 {
    u64::from_be_bytes(<[u8; 8]>::first_of(element.as_ref()).expect("longer ones are refused"))
}

fn array<B: Bytes>(number: u64) -> B {
    B::first_of(&number.to_be_bytes()).expect("longer ones are refused")
}
