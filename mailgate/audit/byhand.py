"""How to check a bag by hand: what the report tells somebody who trusts no program of ours. Standard library only."""

from __future__ import annotations

BY_HAND = """<h2>How to check this by hand</h2>
<p>In the folder of this bag, with <code>sha256sum</code>, <code>jq</code> and <code>base64</code>:</p>
<p>The files are those that were exported:</p>
<pre>sha256sum -c manifest-sha256.txt</pre>
<p>A record says what the table says; here that with index 12:</p>
<pre>jq -r 'select(.index == 12).record' data/records.jsonl | base64 -d | jq .</pre>
<p>Its hash is the leaf that its mail prints in its footer, and that its proof begins with (RFC 6962: a zero byte, then the
record):</p>
<pre>(printf '\\0'; jq -r 'select(.index == 12).record' data/records.jsonl | base64 -d) | sha256sum</pre>
<p>The mail in <code>data/eml</code> carries the same bytes, in its attachment <code>mailgate-evidence.json</code>. From the leaf,
the hashes in the proof lead up to the root in its checkpoint (c2sp.org/tlog-proof), and the key in
<code>data/log.vkey</code> signed that checkpoint (Ed25519; c2sp.org/signed-note). Compare the key with the one that you were
given on another way.</p>
<p>All of it, with a program: <code>mailgate audit verify data/eml --key data/log.vkey</code>.</p>
"""
