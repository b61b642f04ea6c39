//! `Element` for addresses of the Internet.

use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

use super::impls::take_array;
use super::{Element, Numbers, TypeTag};

/// The 4 octets as they are written; as a number, the first one is the highest.
impl Element for Ipv4Addr {
    const TYPE: TypeTag = TypeTag::new("ipv4");
    const NUMBERS: Option<Numbers<Self>> = Some(Numbers {
        to: |address| address.to_bits().into(),
        from: |number| u32::try_from(number).ok().map(Self::from_bits),
    });

    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.octets());
    }

    fn decode(input: &mut &[u8]) -> Option<Self> {
        take_array::<4>(input).map(Self::from)
    }
}

/// The 16 octets as they are written.
impl Element for Ipv6Addr {
    const TYPE: TypeTag = TypeTag::new("ipv6");

    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.octets());
    }

    fn decode(input: &mut &[u8]) -> Option<Self> {
        take_array::<16>(input).map(Self::from)
    }
}

/// A byte, 4 or 6, then the octets.
impl Element for IpAddr {
    const TYPE: TypeTag = TypeTag::new("ip");

    fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::V4(address) => (4_u8, *address).encode(out),
            Self::V6(address) => (6_u8, *address).encode(out),
        }
    }

    fn decode(input: &mut &[u8]) -> Option<Self> {
        match u8::decode(input)? {
            4 => Ipv4Addr::decode(input).map(Self::V4),
            6 => Ipv6Addr::decode(input).map(Self::V6),
            _ => None,
        }
    }
}

/// The address, then the port in 2 bytes, little-endian; behind one of version 6 also its flow and its scope in 4 each.
impl Element for SocketAddr {
    const TYPE: TypeTag = TypeTag::new("socket");

    fn encode(&self, out: &mut Vec<u8>) {
        (self.ip(), self.port()).encode(out);
        // Both are part of equality.
        if let Self::V6(address) = self {
            (address.flowinfo(), address.scope_id()).encode(out);
        }
    }

    fn decode(input: &mut &[u8]) -> Option<Self> {
        let (address, port) = <(IpAddr, u16)>::decode(input)?;
        Some(match address {
            IpAddr::V4(_) => Self::new(address, port),
            IpAddr::V6(address) => {
                let (flow, scope) = <(u32, u32)>::decode(input)?;
                SocketAddrV6::new(address, port, flow, scope).into()
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::element_laws;

    const V4: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
    const V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);

    #[test]
    fn addresses_obey() {
        element_laws(&[Ipv4Addr::UNSPECIFIED, V4, Ipv4Addr::BROADCAST]).unwrap();
        element_laws(&[Ipv6Addr::UNSPECIFIED, V6, V4.to_ipv6_mapped()]).unwrap();
        element_laws(&[IpAddr::V4(V4), V6.into(), V4.to_ipv6_mapped().into()]).unwrap();
        element_laws(&[
            SocketAddr::new(V4.into(), 80),
            SocketAddr::new(V6.into(), 80),
            SocketAddrV6::new(V6, 80, 1, 0).into(),
            SocketAddrV6::new(V6, 80, 0, 1).into(),
        ])
        .unwrap();
    }

    #[test]
    fn encodings_are_these() {
        let mut out = Vec::new();
        SocketAddr::new(V4.into(), 0x1f90).encode(&mut out);
        assert_eq!(out, [4, 192, 0, 2, 1, 0x90, 0x1f]);
        out.clear();
        SocketAddr::from(SocketAddrV6::new(V6, 80, 1, 2)).encode(&mut out);
        assert_eq!(out[..17], [6, 0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
        assert_eq!(out[17..], [80, 0, 1, 0, 0, 0, 2, 0, 0, 0]);
    }

    #[test]
    fn those_of_four_bytes_are_numbers() {
        let numbers = Ipv4Addr::NUMBERS.expect("they have numbers");
        assert_eq!((numbers.to)(&V4), 0xc000_0201);
        assert_eq!([0xc000_0201, 1 << 32].map(numbers.from), [Some(V4), None]);
        assert_eq!(IpAddr::decode(&mut &[5, 0, 0, 0, 0][..]), None);
    }
}
