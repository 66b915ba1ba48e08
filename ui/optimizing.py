"""What the Optimize page asks for: preset, weights, start, regions; State: `optimize.NAME` of every field of the recipe."""

import streamlit as st

import ui
from nst_core import images, recipes
from nst_core.machine import Kept
from nst_core.recipes import MAX_SIZE, MIN_SIZE, PRESETS, InstantRecipe, OptimizeRecipe, Source, StyleSource

OPENING = {"content": Source(name="mountain-lake"), "styles": (StyleSource(source=Source(name="starlit-oils")),)}
ABOUT = {
    "fast": "Fast: our small network, coarse to fine",
    "gatys-2015": "Gatys et al. 2015: VGG-19, L-BFGS from noise",
    "improved-2016": "Novak & Nikulin 2016: all layers, shifted and chained Gram matrices",
    "stylenet-vgg16": "VGG-16 in normalised form, every layer",
    "vgg19-rms": "VGG-19, root mean square of Gram matrices",
}
IMPROVEMENTS = {
    "all_layers": "Style on every convolution",
    "geometric_weights": "Geometric layer weights",
    "activation_shift": "Activation shift of −1",
    "correlation_chain": "Correlation chain between neighbouring layers",
}
FORMS = {
    "moments": "Means and covariances, as means",
    "mean": "Gram matrices, as means",
    "paper": "Gram matrices, Gatys' sums",
    "normalised": "Gram matrices, relative to the target",
    "rms": "Root mean square of Gram matrices",
}
STARTS = {"content": "The photograph", "noise": "Noise", "style": "The style", "image": "A picture of yours or from Instant"}
FREE = ("content", "styles")  # fields that have pickers of their own
CONTROLS = tuple(name for name in OptimizeRecipe.model_fields if name not in (*FREE, "kind"))


PANEL = ui.Panel("optimize")


def open_page() -> None:
    """The first run of a session: the job in the address if it is still there, else what Instant sent, else our opening."""
    state = st.session_state
    if found := PANEL.find(OptimizeRecipe):
        adopt(found.note.recipe)
    elif refined := state.pop("optimize.refine", None):
        pictures = {name: getattr(refined.recipe, name) for name in (*FREE, "size", "color", "restore_content")}
        adopt(PRESETS["fast"].model_copy(update={**pictures, "init": "image"}))
        state["optimize.initial"], state["optimize.preset"] = refined.png, "fast"
        if PANEL.job:
            st.toast(
                "Another run is under way. When it ends, or you cancel it, start this one.", icon=":material/hourglass_top:"
            )
    elif "optimize.content" not in state:
        adopt(PRESETS["fast"].model_copy(update=OPENING))
    state.setdefault("optimize.preset", "fast")


def adopt(recipe: OptimizeRecipe) -> None:
    """Set every control to what the recipe says."""
    ui.adopt_pictures("optimize", recipe)
    st.session_state["optimize.regions"] = {ui.identity(s.source): s for s in recipe.styles if s.mask or s.guide or s.color}
    set_controls(recipe)


def set_controls(recipe: OptimizeRecipe) -> None:
    for name in CONTROLS:
        st.session_state[f"optimize.{name}"] = getattr(recipe, name)


def take_preset() -> None:
    """The preset's settings, with the size and colours at hand."""
    kept = {name: st.session_state[f"optimize.{name}"] for name in ("size", "color")}
    set_controls(PRESETS[st.session_state["optimize.preset"]].model_copy(update=kept))


def take_file(name: str, data: bytes) -> bool:
    """Restore the recipe of a PNG made here: ours as it is; for one from Instant, its pictures."""
    recipe = recipes.of_png(data)
    if isinstance(recipe, OptimizeRecipe):
        adopt(recipe)
    elif isinstance(recipe, InstantRecipe):
        ui.adopt_pictures("optimize", recipe)
    return recipe is not None


def take_recipe() -> None:
    if file := ui.taken("optimize.recipe"):
        with ui.sentences():
            recipe = recipes.parse(file[1].decode(errors="replace"))
            if isinstance(recipe, OptimizeRecipe):
                set_controls(recipe)


def ask_settings() -> dict[str, object]:
    """Preset first, everything else folded away."""
    st.selectbox(
        "Preset",
        list(PRESETS),
        format_func=lambda name: ABOUT[name],
        key="optimize.preset",
        on_change=take_preset,
        persist_state="session",
    )
    ui.offer_download(st.session_state["optimize.features"], "optimize")
    with st.expander("Everything else", icon=":material/tune:"):
        ask_details()
    return {name: st.session_state[f"optimize.{name}"] for name in CONTROLS}


def ask_details() -> None:
    def number(label: str, name: str, **options: object) -> None:
        st.number_input(label, key=f"optimize.{name}", persist_state="session", **options)  # type: ignore[call-overload]

    def choice(label: str, name: str, options: dict[str, str]) -> None:
        st.selectbox(label, list(options), format_func=lambda o: options[o], key=f"optimize.{name}", persist_state="session")

    left, right = st.columns(2)
    with left:
        st.slider("Longer side, pixels", MIN_SIZE, MAX_SIZE, step=64, key="optimize.size", persist_state="session")
        number("Style weight", "style_weight", min_value=0.0, format="%g")
        number("Content weight", "content_weight", min_value=0.0, format="%g")
        number("Total variation weight", "tv_weight", min_value=0.0, format="%g", help="Against grain.")
        choice("Start from", "init", STARTS)
        if st.session_state["optimize.init"] == "image":
            ask_initial()
    with right:
        number("Iterations", "iterations", min_value=1, max_value=10_000)
        choice("Optimiser", "optimizer", {"adam": "Adam", "lbfgs": "L-BFGS"})
        number("Learning rate", "learning_rate", min_value=1e-4, max_value=1.0, format="%g", help="Adam's.")
        number("Scales, coarse to fine", "scales", min_value=1, max_value=8)
        number("Style scale", "style_scale", min_value=0.25, max_value=4.0, help="Above 1: larger strokes.")
        number("Seed of the noise", "seed", min_value=0, max_value=2**32 - 1)
    ui.pick_color("optimize.color")
    choice("Losses", "form", FORMS)
    st.caption("The four improvements of 2016")
    for name, label in IMPROVEMENTS.items():
        st.checkbox(label, key=f"optimize.{name}", persist_state="session")
    st.file_uploader("Your own recipe", ["json"], key="optimize.recipe", on_change=take_recipe)


def ask_regions(styles: list[StyleSource]) -> list[StyleSource]:
    """The styles, each with the region that came with it from the Masks page or a recipe."""
    known: dict[str, StyleSource] = st.session_state["optimize.regions"]
    if not any(ui.identity(style.source) in known for style in styles):
        return styles
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(":material/brush: Each style keeps to its painted region.", width="stretch")
        st.button("Everywhere instead", on_click=known.clear)
    return [known.get(ui.identity(s.source), s).model_copy(update={"weight": s.weight}) for s in styles]


def ask_initial() -> None:
    """The picture to start from: what Instant sent, or an upload."""
    st.file_uploader("Picture to start from", ui.FILE_TYPES, key="optimize.initial_file", on_change=take_initial)
    if data := initial_picture():
        st.image(images.thumbnail(images.decode(data, max_side=ui.THUMBNAIL), ui.THUMBNAIL), width=160)


def take_initial() -> None:
    if file := ui.taken("optimize.initial_file"):
        with ui.sentences():
            images.decode(file[1], name=file[0], max_side=ui.THUMBNAIL)
            st.session_state["optimize.initial"] = ui.keep(file[1])


def initial_picture() -> bytes | None:
    kept: Kept | None = st.session_state.get("optimize.initial")
    return kept.read() if kept and kept.there else None
