from agent.pipelines.markdown import deepen_headings, head, one_line


def test_every_heading_goes_one_level_deeper_but_the_sixth() -> None:
    assert deepen_headings("# One\n\n## Two\n\n###### Six\n") == "## One\n\n### Two\n\n###### Six\n"


def test_a_hash_that_starts_no_heading_stays() -> None:
    assert deepen_headings("#hashtag\n    # code\na # b") == "#hashtag\n    # code\na # b"


def test_code_blocks_are_left_alone() -> None:
    markdown = "```sh\n# a comment\n~~~\n# still code\n```\n# A heading"

    assert deepen_headings(markdown) == markdown.replace("# A heading", "## A heading")


def test_an_open_code_block_lasts_to_the_end() -> None:
    assert deepen_headings("~~~~\n~~~\n# code") == "~~~~\n~~~\n# code"


def test_underlined_headings_become_deeper_ones_with_hashes() -> None:
    assert deepen_headings("Title\n=====\n\nPart\n---\ntext") == "## Title\n\n### Part\ntext"


def test_rules_lists_and_tables_are_no_headings() -> None:
    markdown = "text\n\n---\n\n- item\n---\n| a |\n|---|"

    assert deepen_headings(markdown) == markdown


def test_front_matter_stays_as_it_is() -> None:
    markdown = "---\ntitle: x\n# comment\n---\n# Heading"

    assert deepen_headings(markdown) == "---\ntitle: x\n# comment\n---\n## Heading"


def test_a_rule_at_the_top_that_is_no_front_matter_hides_nothing() -> None:
    assert deepen_headings("---\n# Heading") == "---\n## Heading"


def test_a_hostile_file_name_stays_on_its_line() -> None:
    assert one_line("a\n# b\r\n\x00\u202egpj.exe") == "a # b gpj.exe"


def test_the_head_is_a_title_and_bullets() -> None:
    expected = "# Document: a\n\n## Document Information\n\n- **Pages**: 3\n- **By**: x y\n"

    assert head("Document: a", "Document Information", {"Pages": "3", "By": "x\ny"}) == expected
