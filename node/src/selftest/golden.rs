//! The digests that are right. They are part of the protocol: a change here is a change of the chain.

/// Output digests of the kernels' cases, in their order.
pub(super) const KERNELS: &[(&str, &str)] = &[
    ("einsum", "37777deb18c754539799f5e33ca32e0221b6725f413d1bfcdc260f1f88f4c8c2"),
    ("conv2d", "b9afe3011bc87d56234984823821e85f8feb66ccb96f21152316055734124693"),
    ("max_pool", "e9e0fa2918b90b7016b5a4faf1b31f04db5c2ea6381d540bb40fbf49f5a01e79"),
    ("sum_pool", "9b6a2e87060a1ffad4b805d0927768060191c856e40b46a0f1e0cf36bb421bea"),
    ("reduce_sum", "cc73f18922cb0c8701fde8be74031cf9e888ca8724169392231a9116351a2559"),
    ("reduce_max", "b91c36b02151bb085a590a0fb577f70348531574e34cd7c8e58c275f80848e40"),
    ("reduce_min", "85fe44530206b40c2d04cff854f65084471a60d5f4e89045deb403f43a440d63"),
    ("reduce_prod", "920f7db6f7f77b212b1f7c553b1c3bfff75bbfa40f0d6e947b71d993d243d77f"),
    ("softmax", "8e5c9ac7235d33ce8445ae49856d1eac1bf9d0dc7bfef159ae075377db3270ec"),
    ("log_softmax", "e7bfb24553f37de3b5a35c8bba9c73c1ebfb9aba2a60141ee22382f4e1823ee1"),
    ("rms_norm", "e63d27f7b1b61ea4e693f31cc2a0f28b8dff5a81ac16bed9b1d336f200b32cf5"),
    ("neg", "546d90624ce876c59c560e8eafcc39d39c6decb4ba9bcd05b685f5c9b4388897"),
    ("abs", "2b748e0b39664d75677f5ecf716512215d6e9501e7ce6b19d428ed1f5803110f"),
    ("recip", "a6e07a6268fd57286cb60648680636b7e1f67c6414c323c5a8a7c36f331c8034"),
    ("square", "ace0bad0fc6ff42deb98c7f50dac6f93bfee70babbe8de36fe8dbe465a6f7d0c"),
    ("sqrt", "34dd7b332cc7cc93571e3a4c2e8c95a54829d680c42a87d4be341f5c71c6f086"),
    ("rsqrt", "686ad5d692eb89157788c1e5f573fb6cb44009cb193a80311c89d6efa535b347"),
    ("exp", "1a53f08e80f999259deb3031dee19d58feba23bc94349f47089c435cb6b48a21"),
    ("ln", "256c08559df42ba63bd60070b2a4f7a412af8956e4c94c0d9bb0f3b36f5952e1"),
    ("tanh", "07074097fc904cdbd7651ef400771be5fcd171b58f83a85848c589c52f1c5348"),
    ("sigmoid", "941b6696074c9ca61d2c10dcf1bdc92383b663d98b503bcc694ca4d75591d926"),
    ("erf", "4d6e0313ec1e7669a8802b5c1f266961faa13148b82a0271db81261ea190d0fb"),
    ("gelu", "8ea7aef63e1b9c4c4238e51747ed964f9164fad041ce7e5ebd82eed9185671e3"),
    ("gelu_tanh", "70406b3c04d9db8b2a431b41a6541b35ff3985f5ff4509d316bd83627ee97bca"),
    ("silu", "e10cac64f940b95af995f8bc8c7cd1d245837bb3d6a02873af965d734ebeb4fd"),
    ("hard_swish", "054d7f3fabbef725597f766a35a4179694076e899f6cdb0b9790d3da48dfe12f"),
    ("leaky_relu", "a20a513b5c7087cf57200258cab5038953e31b70517da4568551b9badd981b94"),
    ("floor", "048428b5f143faccbee15f20e985b214c91e72a278c05fc658992f8d79f650e7"),
    ("ceil", "ffe5b75441d7a913c48b5f2243bc2d0f0cf255787e2c93a2f69f6dbe890cd7ce"),
    ("round", "f66bfc7bde8a1fe39a99b83b9d7c8ec9b1f0b82e84be9f46669eea2d32c16d8e"),
    ("sign", "844952d4fc8f6210937ddca6ec606c0e8f4e9dd66fefa5ab0209c8d21b52f808"),
    ("sin", "3d29919fb5a60dc98a851c2b21df1d56d4421c18e4c6ce1ba7603962bd25ab9f"),
    ("cos", "44ce98ea8fa0b553470448db8e98d27a4760964c954c173d7b0b30c24e2dcf0b"),
    ("add", "4d98bf21ce48ad1c7fb274abb53e1664939315d22a2d264f819f10f28f8e7a1e"),
    ("sub", "9bca47e7b823229e6b53dba71ea6790b9efb52cc9fdeb437f3bec54bf6ccd530"),
    ("mul", "c9bdf9661f89eeee32dba57af2edde712d01ea5b810416f08c0b5b78a33352c7"),
    ("div", "55993dd74f89fce322c79b6b73549bfbab6a75f8bb7ea8c37b7ae7d063073267"),
    ("max", "d9435855c69bdc242971c7a095d10308e8c24dbfbc515fa1c0aedd2870c83da0"),
    ("min", "7b9925e665d38198cdc85e934de274a149a58cdf9d0fa06c07f06ec6194ad521"),
    ("pow", "c1e055dd661b847d596af11bad1d556c275cb39513ab60a6531a067e5816e2a0"),
    ("tree_ensemble", "93d2586934e8645aec3de687aa320d7b6bc15ddf6d8cb954ccb676b1e4b12637"),
];

/// SHA-256 and BLAKE3 of `assay`, and the address of the ed25519 key of 32 sevens.
pub(super) const ENCODINGS: [&str; 3] = [
    "9b2153df65c7cba8a514938e2d3254a32cc0e75f6d032572e45f2b6bb124c970",
    "418e5b4b5f7e330c6b3fa9e0a9ace4e7ae9f8742bbe47df9804e807aea350889",
    "assay1gd5a7guu7kqklwxhl0rhm8jzkhwez5avsnxj8hlyaqa9m4ur9xaqf07x78",
];

/// The digest for a case.
pub(super) fn of(name: &str) -> Option<&'static str> {
    KERNELS.iter().find(|(case, _)| *case == name).map(|(_, digest)| *digest)
}

/// How many vectors there are.
pub(super) fn count() -> usize {
    KERNELS.len() + ENCODINGS.len()
}
