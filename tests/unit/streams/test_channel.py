"""A channel of ours is left alone by Faust's flow control."""

import asyncio

import faust

from streams.channel import own_channel


async def test_what_was_put_is_there_after_faust_has_suspended_cleared_and_resumed():
    """As at each change of Faust's own group, and at its stop: nothing is dropped, and putting does not wait."""
    app = faust.App("channel-of-our-own", broker="kafka://127.0.0.1:1")
    channel = own_channel(app, 2)
    reader = aiter(channel)
    await channel.put("before")
    app.flow_control.suspend()
    app.flow_control.clear()
    async with asyncio.timeout(10):
        await channel.put("while suspended")
        app.flow_control.resume()
        assert [await anext(reader), await anext(reader)] == ["before", "while suspended"]


async def test_it_is_bounded():
    """One that is full takes no more before something is taken."""
    app = faust.App("channel-of-our-own", broker="kafka://127.0.0.1:1")
    channel = own_channel(app, 1)
    reader = aiter(channel)
    await channel.put("first")
    second = asyncio.ensure_future(channel.put("second"))
    await asyncio.sleep(0)
    assert not second.done()
    async with asyncio.timeout(10):
        assert await anext(reader) == "first"
        await second
        assert await anext(reader) == "second"
