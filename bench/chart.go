package main

import (
	"bytes"
	"image/color"
	"math"
	"os"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
)

var colors = map[string]color.Color{
	steadfast: color.RGBA{R: 0x1b, G: 0x7f, B: 0x5c, A: 0xff},
	byHand:    color.RGBA{R: 0x8a, G: 0x8f, B: 0x98, A: 0xff},
	official1: color.RGBA{R: 0xd9, G: 0x77, B: 0x57, A: 0xff},
	official2: color.RGBA{R: 0xb2, G: 0x4d, B: 0x35, A: 0xff},
	failsafe:  color.RGBA{R: 0x4c, G: 0x78, B: 0xa8, A: 0xff},
	retryable: color.RGBA{R: 0x9b, G: 0x7f, B: 0xc4, A: 0xff},
}

const (
	barWidth   = vg.Length(13)
	chartWidth = 7 * vg.Inch
)

// draw draws the rows of a scenario that are marked for its chart: a group of bars
// for each row, a bar for each contender, its value and its name beside it.
func draw(path string, r *result) error {
	rows := slices.DeleteFunc(slices.Clone(r.rows), func(row row) bool { return !row.chart })
	slices.Reverse(rows) // the first one on top
	least, most := math.Inf(1), 0.0
	for _, row := range rows {
		for _, who := range r.who {
			least, most = min(least, r.value(row.name, who)), max(most, r.value(row.name, who))
		}
	}
	axis := newScale(least, most)
	sans := font.Font{Typeface: "Liberation", Variant: "Sans"}
	plot.DefaultFont, plotter.DefaultFont = sans, sans
	p := plot.New()
	p.Title.Text, p.Title.Padding = r.chart, vg.Points(8)
	names := make([]string, len(rows))
	for i, who := range r.who {
		values := make(plotter.Values, len(rows))
		labels := plotter.XYLabels{}
		for j, row := range rows {
			value := r.value(row.name, who)
			values[j] = axis.at(value)
			labels.XYs = append(labels.XYs, plotter.XY{X: values[j], Y: float64(j)})
			labels.Labels = append(labels.Labels, figure(value)+"  "+who)
			names[j] = row.name
		}
		bars, err := plotter.NewBarChart(values, barWidth)
		if err != nil {
			return err
		}
		offset := vg.Length(float64(len(r.who)-1)/2-float64(i)) * barWidth
		bars.Horizontal, bars.Color, bars.Offset, bars.LineStyle.Width = true, colors[who], offset, 0
		texts, err := plotter.NewLabels(labels)
		if err != nil {
			return err
		}
		texts.Offset = vg.Point{X: vg.Points(4), Y: offset - barWidth/4}
		p.Add(bars, texts)
	}
	p.NominalY(names...)
	p.X.Min, p.X.Max = 0, axis.at(most)*1.4 // room for the labels
	if axis.log {
		p.X.Tick.Marker = plot.ConstantTicks(axis.decades(most))
	}
	groups := float64(len(rows)) * (float64(len(r.who)) + 1.5)
	image, err := p.WriterTo(chartWidth, vg.Length(groups)*barWidth+vg.Inch, "svg")
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if _, err := image.WriteTo(&b); err != nil {
		return err
	}
	// The font is as wide as these, and not everybody has it.
	out := bytes.ReplaceAll(b.Bytes(), []byte("font-family:Liberation Sans;"), []byte("font-family:Liberation Sans,Arial,Helvetica,sans-serif;"))
	return os.WriteFile(path, out, 0o644)
}

// scale is where values stand: on a logarithmic one where they are far apart.
type scale struct {
	log   bool
	floor float64 // of a logarithmic one: the power of ten below all, where the bars begin
}

func newScale(least, most float64) scale {
	return scale{log: most > 20*least, floor: math.Floor(math.Log10(least) - 0.2)}
}

func (s scale) at(value float64) float64 {
	if !s.log {
		return value
	}
	return math.Log10(value) - s.floor
}

// decades are the ticks of a logarithmic scale.
func (s scale) decades(most float64) (ticks []plot.Tick) {
	for x := 0.0; x <= s.at(most); x++ {
		ticks = append(ticks, plot.Tick{Value: x, Label: figure(math.Pow(10, s.floor+x))})
	}
	return ticks
}
