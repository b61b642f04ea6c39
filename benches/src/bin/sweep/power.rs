//! Power sums over GF(2^64): what telling a difference by them takes in multiplications.
//!
//! As in Dodis, Ostrovsky, Reyzin and Smith, "Fuzzy extractors", SIAM J. Comput. 2008 (PinSketch): `c` sums of odd powers
//! tell `c` elements. The polynomial whose roots they are is found by Berlekamp and Massey's algorithm, its roots by
//! Berlekamp's traces.

use std::io;

use benches::SplitMix;

use crate::csv::Csv;

pub(crate) fn sums(csv: &mut Csv, seed: u64) -> io::Result<()> {
    csv.row(["d", "trials", "multiplications_per_insert", "multiplications_per_decode"])?;
    for d in [1, 2, 4, 8, 16, 32, 64] {
        let trials = csv.trials(20);
        let mut random = SplitMix::new(seed ^ d as u64);
        let (mut insert, mut decode) = (Field::default(), Field::default());
        for _ in 0..trials {
            let mut elements: Vec<u64> = (0..d).map(|_| random.next()).collect();
            let mut odd = vec![0; d];
            elements.iter().for_each(|&element| insert.add(&mut odd, element));
            let mut found = decode.roots_of(&odd, &mut random);
            elements.sort_unstable();
            found.sort_unstable();
            assert_eq!(found, elements, "as many sums tell as many elements");
        }
        let each = |count: u64, of: usize| count as f64 / (trials * of) as f64;
        let (insert, decode) = (each(insert.multiplications, d), each(decode.multiplications, 1));
        csv.row([d.to_string(), trials.to_string(), format!("{insert:.1}"), format!("{decode:.0}")])?;
    }
    Ok(())
}

/// GF(2^64), modulo x^64 + x^4 + x^3 + x + 1, and how often it multiplied. Polynomials are their coefficients, the lowest
/// first, without zeros at the end.
#[derive(Debug, Default)]
struct Field {
    multiplications: u64,
}

impl Field {
    fn times(&mut self, a: u64, b: u64) -> u64 {
        self.multiplications += 1;
        let mut product = 0_u128;
        for bit in 0..64 {
            product ^= (u128::from(a) << bit) & 0_u128.wrapping_sub(u128::from(b >> bit & 1));
        }
        for _ in 0..2 {
            let high = product >> 64;
            product = product & u128::from(u64::MAX) ^ high ^ high << 1 ^ high << 3 ^ high << 4;
        }
        u64::try_from(product).expect("the second time, nothing is above bit 7 of the high half")
    }

    /// `a` to the power of 2^64 − 2.
    fn inverse(&mut self, a: u64) -> u64 {
        let (mut power, mut product) = (a, 1);
        for _ in 1..64 {
            power = self.times(power, power);
            product = self.times(product, power);
        }
        product
    }

    /// Adds an element to sums of the first, third, fifth power and so on.
    fn add(&mut self, odd: &mut [u64], element: u64) {
        let square = if odd.len() > 1 { self.times(element, element) } else { 0 };
        let mut power = element;
        for (index, sum) in odd.iter_mut().enumerate() {
            if index > 0 {
                power = self.times(power, square);
            }
            *sum ^= power;
        }
    }

    fn roots_of(&mut self, odd: &[u64], random: &mut SplitMix) -> Vec<u64> {
        let mut sums: Vec<u64> = vec![];
        for index in 0..2 * odd.len() {
            // The (index + 1)-th power: the square of a sum is that of the squares.
            let half = sums.get(index / 2).copied().unwrap_or(0);
            sums.push(if index % 2 == 0 { odd[index / 2] } else { self.times(half, half) });
        }
        let mut locator = self.shortest_recurrence(&sums);
        locator.reverse();
        let mut roots = vec![];
        self.split(locator, random, &mut roots);
        roots
    }

    /// Berlekamp and Massey's: its coefficients, the first of them 1.
    fn shortest_recurrence(&mut self, sums: &[u64]) -> Vec<u64> {
        let (mut current, mut before) = (vec![1], vec![1]);
        let (mut len, mut shift, mut last) = (0, 1, 1);
        for index in 0..sums.len() {
            let mut discrepancy = sums[index];
            for (back, &coefficient) in current.iter().enumerate().skip(1).take(len) {
                discrepancy ^= self.times(coefficient, sums[index - back]);
            }
            if discrepancy == 0 {
                shift += 1;
                continue;
            }
            let inverse = self.inverse(last);
            let factor = self.times(discrepancy, inverse);
            let kept = current.clone();
            current.resize(current.len().max(before.len() + shift), 0);
            for (into, &coefficient) in current[shift..].iter_mut().zip(&before) {
                *into ^= self.times(factor, coefficient);
            }
            if 2 * len <= index {
                (len, before, last, shift) = (index + 1 - len, kept, discrepancy, 1);
            } else {
                shift += 1;
            }
        }
        current.resize(len + 1, 0);
        current
    }

    /// Splits a polynomial that ends in 1 and has distinct roots, by the trace of a random multiple of `x`.
    fn split(&mut self, polynomial: Vec<u64>, random: &mut SplitMix, roots: &mut Vec<u64>) {
        match polynomial.len() {
            0 | 1 => return,
            2 => return roots.push(polynomial[0]),
            _ => {}
        }
        loop {
            let mut power = vec![0, random.next()];
            let mut trace = power.clone();
            for _ in 1..64 {
                let squares: Vec<u64> = power.iter().map(|&a| self.times(a, a)).collect();
                power = squares.into_iter().flat_map(|square| [square, 0]).collect();
                self.reduce(&mut power, &polynomial);
                trace.resize(trace.len().max(power.len()), 0);
                trace.iter_mut().zip(&power).for_each(|(sum, term)| *sum ^= term);
            }
            let factor = self.common_factor(polynomial.clone(), trace);
            if (2..polynomial.len()).contains(&factor.len()) {
                let mut rest = polynomial;
                let quotient = self.reduce(&mut rest, &factor);
                self.split(factor, random, roots);
                return self.split(quotient, random, roots);
            }
        }
    }

    /// Takes multiples of a divisor that ends in 1 away; what they are multiples by is returned.
    fn reduce(&mut self, polynomial: &mut Vec<u64>, divisor: &[u64]) -> Vec<u64> {
        let mut quotient = vec![0; polynomial.len().saturating_sub(divisor.len() - 1)];
        while polynomial.len() >= divisor.len() {
            let factor = polynomial.pop().unwrap_or(0);
            let from = polynomial.len() + 1 - divisor.len();
            quotient[from] = factor;
            if factor != 0 {
                for (into, &coefficient) in polynomial[from..].iter_mut().zip(divisor) {
                    *into ^= self.times(factor, coefficient);
                }
            }
        }
        trim(polynomial);
        quotient
    }

    /// The greatest common divisor, ending in 1.
    fn common_factor(&mut self, mut a: Vec<u64>, mut b: Vec<u64>) -> Vec<u64> {
        trim(&mut b);
        while let Some(&last) = b.last() {
            let inverse = self.inverse(last);
            b.iter_mut().for_each(|coefficient| *coefficient = self.times(*coefficient, inverse));
            self.reduce(&mut a, &b);
            (a, b) = (b, a);
        }
        a
    }
}

fn trim(polynomial: &mut Vec<u64>) {
    while polynomial.last() == Some(&0) {
        polynomial.pop();
    }
}
