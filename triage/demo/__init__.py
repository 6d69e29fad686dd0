"""The demo company: Quillbarrow, which sells things for home and garden and exists nowhere but in `data/`.

`company` reads the files, `loading` puts them into the store by the same way as any helpdesk's messages.
"""

from triage.demo.loading import arrive, load, remove

__all__ = ["arrive", "load", "remove"]
