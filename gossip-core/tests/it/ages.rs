//! How old elements get that one of two replicas lacks while both write, by rounds alone.

use core::time::Duration;

use gossip_core::sim::{Checks, Latency, Network, Simulation};
use gossip_core::{AntiEntropy, Config, Element, Time};

/// Two replicas write so many elements a second each for so long. Returns the greatest age of an element that the other
/// one lacks, and the bytes of all messages in hundredths of those of all elements.
fn write<E: Element + Ord>(
    element: fn(u64) -> E,
    bytes: u64,
    round_trip: u64,
    rate: u64,
    seconds: u64,
) -> (Duration, u64) {
    let network = Network { latency: Latency::Constant(Duration::from_millis(round_trip / 2)), ..Network::default() };
    let checks = Checks { proofs: true, ..Checks::convergence_only() };
    let mut simulation = Simulation::new(1, network, 2, |replica, seed| {
        let mut machine = AntiEntropy::new(Config::default(), seed);
        machine.add_peer(1 - replica);
        machine
    })
    .with_checks(checks)
    .with_history();
    let written = rate * seconds;
    for number in 0..2 * written {
        // Several at a time, as a clock with ticks of 5 ms has them.
        let at = Time::from_millis((number / 2 * 1_000 / rate).next_multiple_of(5));
        simulation.insert(at, (number % 2) as usize, element(number));
    }
    simulation.run_until(Time::from_millis(1_000 * seconds)).unwrap();
    let mut arrivals: Vec<_> = simulation.history().iter().map(|arrival| (&arrival.element, arrival.at)).collect();
    arrivals.sort_unstable();
    let age = |of: &[(&E, Time)]| of.get(1).map_or(simulation.now(), |second| second.1).saturating_since(of[0].1);
    let oldest = arrivals.chunk_by(|one, other| one.0 == other.0).map(age).max().unwrap();
    (oldest, simulation.report().bytes * 100 / (2 * written * bytes))
}

/// Numbers that differ in all bytes.
fn number(number: u64) -> u64 {
    number.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// 98 bytes, their length included.
fn long_element(number: u64) -> Vec<u8> {
    [self::number(number).to_le_bytes().as_slice(), &[7; 89]].concat()
}

/// Elements are at most six round trips and the longest wait for a round old. In a grid of round trips, writes a second
/// and the bytes of all messages in hundredths of those of all elements.
fn assert_bounded<E: Element + Ord>(element: fn(u64) -> E, bytes: u64, grid: &[(u64, u64, u64)]) {
    for &(round_trip, rate, hundredths) in grid {
        let (age, cost) = write(element, bytes, round_trip, rate, 12);
        let bound = Duration::from_millis(6 * round_trip) + Duration::from_millis(1_250);
        let case = format!("{rate} elements of {bytes} bytes a second, {round_trip} ms");
        assert!(age <= bound, "{case}: {age:?}");
        assert!(cost <= hundredths, "{case}: {cost} hundredths");
    }
}

#[test]
fn numbers_that_both_write_are_a_few_round_trips_old_at_most() {
    // At 200 a second over 20 ms, heads of 372 bytes are a good part of it.
    let short = [(20, 200, 210), (20, 2_000, 150), (100, 1_000, 150), (100, 5_000, 150)];
    let long = [(500, 200, 150), (500, 2_000, 150), (500, 5_000, 150), (1_000, 200, 150), (1_000, 2_000, 150)];
    assert_bounded(number, 8, &short);
    assert_bounded(number, 8, &long);
    assert_bounded(number, 8, &[(1_000, 5_000, 150)]);
}

#[test]
fn long_elements_that_both_write_are_a_few_round_trips_old_at_most() {
    let short = [(20, 200, 150), (20, 2_000, 150), (100, 1_000, 150), (100, 5_000, 150)];
    let long = [(500, 200, 150), (500, 2_000, 150), (500, 5_000, 150), (1_000, 200, 150), (1_000, 2_000, 150)];
    assert_bounded(long_element, 98, &short);
    assert_bounded(long_element, 98, &long);
    assert_bounded(long_element, 98, &[(1_000, 5_000, 150)]);
}
