// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Keeps the time at which each root was first anchored.
/// @notice It has no owner, takes no ether, and cannot be changed. Anybody may anchor any root: whoever copies a root
/// from a transaction that waits only makes its time earlier.
contract Anchor {
    /// @notice The time of the first block that anchored a root, in seconds since the beginning of 1970; 0: none has.
    mapping(bytes32 root => uint256 time) public anchoredAt;

    /// @notice A root was anchored for the first time.
    event Anchored(bytes32 indexed root, uint256 time);

    /// @notice Anchors a root. Anchoring it again succeeds and changes nothing, so that nobody can make the
    /// transaction of another fail.
    function anchor(bytes32 root) external {
        if (anchoredAt[root] == 0) {
            anchoredAt[root] = block.timestamp;
            emit Anchored(root, block.timestamp);
        }
    }
}
