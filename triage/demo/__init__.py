"""The demo company: Quillbarrow, which sells things for home and garden and exists nowhere but in `data/`.

`company` reads the files, `load` puts them into the store by the same way as any helpdesk's messages.
"""
